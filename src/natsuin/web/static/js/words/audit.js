/** Words about auditors' readings: [日本語, English]. */
export const audit = {
  auditPurpose: ["閲覧の目的", "Why the log is read"],
  auditMinutes: ["閲覧できる時間", "How long"],
  auditMinutesValue: ["{minutes}分", "{minutes} minutes"],
  auditPurposeMissing: ["閲覧の目的を入力してください。", "Write why you read."],
  auditNothing: ["この記録には、秘匿された内容がありません。", "This entry commits to nothing."],
  auditGone: [
    "秘匿された内容は、消去されたか、記録と一致しないため、表示できません。",
    "What this entry commits to was erased, or does not fit the entry, so it is not shown.",
  ],
  auditOpened: [
    "次の内容は、記録のコミットメントと一致します。開示したことはログの{noted}番に記録されました。",
    "This is what the entry commits to. Entry {noted} of the log tells that you opened it.",
  ],
  auditNamed: ["{number}（登録簿の名前：{name}）", "{number} (in the register: {name})"],
  auditEmpty: ["（空）", "(empty)"],
  auditAllOpened: ["{count}件を開示しました。", "Opened: {count}"],
};
