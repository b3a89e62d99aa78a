/** Words about PINs and recovery codes: [日本語, English]. */
export const secrets = {
  pinTooShort: ["PIN は 6 文字以上にしてください。", "The PIN needs at least 6 characters."],
  pinTooLong: ["PIN は 64 文字以下にしてください。", "The PIN may have at most 64 characters."],
  pinRepeated: ["同じ文字の繰り返しは使えません。", "One or two characters repeated are too easy to guess."],
  pinRow: ["連続した並びは使えません (123456 など)。", "A row such as 123456 is too easy to guess."],
  pinCommon: ["多くの人が使う PIN なので使えません。", "Many people use this PIN, so it is too easy to guess."],
  pinDate: ["日付に見える PIN は使えません。", "A PIN that looks like a date is too easy to guess."],
  pinDiffers: ["2 回の入力が一致しません。", "The two entries differ."],
  groupWrong: [
    "最後の組と一致しません。控えた紙やファイルを見て入力してください。",
    "This is not the last group. Look at your copy and type it from there.",
  ],
  codeInvalid: ["リカバリーコードの形が正しくありません ({count} 文字)。", "This is not a recovery code ({count} characters)."],
  codeInvalidStep: [
    "I、L、O、U を含まない英数字 26 文字です。控えを見てもう一度入力してください。",
    "It has 26 letters and digits. Compare it with your copy and type it again.",
  ],
  makingKey: ["鍵と証明書を作っています。数秒かかります…", "Making your key and certificate. This takes a few seconds…"],
  finishEnrolment: ["控えました: 鍵を作る", "I have kept it: make my key"],
  finishReset: ["控えました: 新しい PIN にする", "I have kept it: set the new PIN"],
  settingPIN: ["新しい PIN を設定しています…", "Setting the new PIN…"],
  codeFileName: ["natsuin-recovery-code.txt", "natsuin-recovery-code.txt"],
  codeFile: [
    "Natsuin リカバリーコード\n\n{code}\n\nサービス: {origin}\n名義: {name}\n作成: {time}\n\nPIN を忘れたとき、このコードとパスキーで新しい PIN を設定できます。\nほかの人に見せないでください。PIN と同じ場所に置かないでください。\n",
    "Natsuin recovery code\n\n{code}\n\nService: {origin}\nName: {name}\nMade: {time}\n\nWith this code and your passkey you can set a new PIN.\nShow it to nobody, and do not keep it where the PIN is kept.\n",
  ],
};
