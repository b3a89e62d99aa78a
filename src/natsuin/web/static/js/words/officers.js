/** Words about officers and stops: [日本語, English]. */
export const officers = {
  officerWaits: ["承認しました。もう一人のセキュリティ担当者の承認を待っています。", "Approved. It now waits for another security officer."],
  officerDone: ["完了しました。署名ログに記録されました。", "Done. It stands in the signing log."],
  officerName: ["氏名", "Name"],
  officerWhom: ["対象", "Whom"],
  officerAccount: ["アカウントの番号", "Number of the account"],
  officerRoles: ["役割", "Roles"],
  officerSerial: ["証明書の番号", "Number of the certificate"],
  officerFields: ["開示する項目", "Fields to be opened"],
  officerEntries: ["ログの記録（tx）", "Entries (tx)"],
  officerNote: ["メモ", "Note"],
  officerRegistration: ["登録担当者", "Registration officer"],
  officerSecurity: ["セキュリティ担当者", "Security officer"],
  officerSystem: ["システム管理者", "System administrator"],
  officerAudit: ["監査人", "Auditor"],
};
