/** Words about PINs and recovery codes: [日本語, English]. */
export const secrets = {
  pinTooShort: ["PINは6文字以上にしてください。", "The PIN needs at least 6 characters."],
  pinTooLong: ["PINは64文字以下にしてください。", "The PIN may have at most 64 characters."],
  pinRepeated: ["同じ文字の繰り返しは使えません。", "One or two characters repeated are too easy to guess."],
  pinRow: ["連続した並びは使えません（123456など）。", "A row such as 123456 is too easy to guess."],
  pinCommon: ["多くの人が使うPINなので使えません。", "Many people use this PIN, so it is too easy to guess."],
  pinDate: ["日付に見えるPINは使えません。", "A PIN that looks like a date is too easy to guess."],
  pinDiffers: ["2回の入力が一致しません。", "The two entries differ."],
  groupWrong: [
    "最後の組と一致しません。控えた紙やファイルを見て入力してください。",
    "This is not the last group. Look at your copy and type it from there.",
  ],
  codeTooShort: ["{count}文字しかありません。リカバリーコードは26文字です。", "These are only {count} characters; a recovery code has 26."],
  codeTooLong: ["{count}文字あります。リカバリーコードは26文字です。", "These are {count} characters; a recovery code has 26."],
  codeForeign: ["リカバリーコードに使われない文字があります。", "There is a character that no recovery code has."],
  codeMistyped: ["打ち間違いがあります。検査文字が合いません。", "Something is mistyped: the code's check character does not fit."],
  codeInvalidStep: [
    "控えと1組ずつ見比べてください。I、L、O、Uを含まない英数字26文字です。",
    "Compare it with your copy, group by group. It has 26 letters and digits, without I, L, O and U.",
  ],
  makingKey: ["鍵と証明書を作っています。数秒かかります…", "Making your key and certificate. This takes a few seconds…"],
  finishEnrolment: ["控えました：鍵を作る", "I have kept it: make my key"],
  finishReset: ["控えました：新しいPINにする", "I have kept it: set the new PIN"],
  settingPIN: ["新しいPINを設定しています…", "Setting the new PIN…"],
  codeFileName: ["natsuin-recovery-code.txt", "natsuin-recovery-code.txt"],
  codeFile: [
    "Natsuinリカバリーコード\n\n{code}\n\nサービス：{origin}\n名義：{name}\n作成：{time}\n\nPINを忘れたとき、このコードとパスキーで新しいPINを設定できます。\nほかの人に見せないでください。PINと同じ場所に置かないでください。\n",
    "Natsuin recovery code\n\n{code}\n\nService: {origin}\nName: {name}\nMade: {time}\n\nWith this code and your passkey you can set a new PIN.\nShow it to nobody, and do not keep it where the PIN is kept.\n",
  ],
};
