/** Words about what several people approve: [日本語, English]. */
export const shared = {
  sharedKeys: ["鍵", "Keys"],
  sharedAllKeys: ["今の状態のアーカイブがない鍵すべて", "Every key that has no archive as it is now"],
  sharedKeyNumber: ["鍵の番号", "Number of the key"],
  sharedOwner: ["本人", "Owner"],
  sharedOfficers: ["承認する担当者", "Officers who approve"],
  sharedArchiveMade: ["アーカイブの作成日時", "Archive made"],
  sharedArchivePrint: ["アーカイブのSHA-256", "SHA-256 of the archive"],
  sharedCertificatePrint: ["証明書のSHA-256", "SHA-256 of the certificate"],
  sharedAuthorityPrint: ["認証局の証明書のSHA-256", "SHA-256 of the authority's certificate"],
  sharedEnvelopeNumber: ["封筒の番号", "Number of the envelope"],
  sharedFileMissing: ["認証局から受け取ったファイルを選んでください。", "Choose the authority's file."],
  sharedFileLarge: ["ファイルが大きすぎます。封筒ではありません。", "The file is too large to be an envelope."],
  sharedWaits: ["承認しました。次の承認を待っています：{names}", "Approved. It now waits for: {names}"],
  sharedArchived: ["アーカイブを{count}件作りました。", "Archives made: {count}"],
  sharedRestored: ["鍵が戻りました。前と同じPINとパスキーで使えます。", "Your key is back, with the PIN and the passkeys that it had."],
  sharedImported: [
    "鍵を取り込みました。今までの鍵と同じPINとパスキーで使えます。新しいリカバリーコードを大切に保管してください。",
    "The key is taken in. It has the PIN and the passkeys of the key you had. Keep the new recovery code.",
  ],
};
