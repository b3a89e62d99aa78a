/** Words of the officer's list: [日本語, English]. */
export const people = {
  person_enrolled: ["利用中", "Enrolled"],
  person_invited: ["招待済み", "Invited"],
  person_proposed: ["未承認", "Not approved yet"],
  person_expired: ["招待の期限切れ", "Invitation expired"],
  person_revoked: ["失効", "Revoked"],
  until: ["期限：", "until"],
  email: ["メールアドレス", "E-mail"],
  registered: ["登録日時", "Registered"],
};
