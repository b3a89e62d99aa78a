/** Words of the officer's list: [日本語, English]. */
export const people = {
  person_enrolled: ["利用中", "Enrolled"],
  person_invited: ["招待済み", "Invited"],
  person_proposed: ["未承認", "Not approved yet"],
  person_expired: ["招待の期限切れ", "Invitation expired"],
  person_revoked: ["失効", "Revoked"],
  line: ["行", "Line"],
  line_done: ["登録済み", "Registered"],
  line_ready: ["登録待ち", "To be registered"],
  line_wrong: ["誤りあり", "Has mistakes"],
  line_passed: ["後回し", "Passed over"],
  lineWrong: ["直す項目：", "To be mended:"],
  lineAlike: [
    "同じ氏名とメールアドレスの人が登録されています。同一人物か確かめてください。",
    "Somebody with this name and address is registered. Make sure whether it is the same person.",
  ],
  invitationLink: ["招待リンク", "Invitation link"],
  until: ["期限：", "until"],
  email: ["メールアドレス", "E-mail"],
  registered: ["登録日時", "Registered"],
};
