/** Words about what is done with keys: [日本語, English]. */
export const keys = {
  statementSaved: ["使用明細を保存しました。", "The statement is saved."],
  keyRecordGood: ["署名する記録は、上の内容と一致しています。", "The record to be signed says exactly this."],
  keyAct: ["すること", "What is done"],
  keyOf: ["鍵", "Key"],
  keyKindNew: ["新しい鍵の種類", "Kind of the new key"],
  keyNote: ["メモ", "Note"],
  keyReasonMissing: ["理由を選んでください。", "Choose a reason."],
  keyWordMissing: ["確認のことばが一致しません。表示のとおりに入力してください。", "This is not the word shown. Type it as it stands there."],
  keyFilesMissing: ["証明書のファイルを選んでください。", "Choose the certificate files."],
  keyCodeKept: ["控えました：承認に進む", "I have kept it: go on to the approval"],
  keyActUnknown: [
    "実行されたかどうか分かりません。「自分の鍵」で鍵の状態を確かめてから、必要ならやり直してください。",
    "Whether it was done is not known. Look at the key's state first, then begin again if it was not.",
  ],
  keyDone_suspend: ["鍵を停止しました。再開するまで何も署名されません。", "The key is suspended. Nothing is signed with it until you resume it."],
  keyDone_resume: ["鍵を再開しました。", "The key is active again."],
  keyDone_revoke: ["鍵を失効させました。証明書は失効リストに載ります。", "The key is revoked and erased. Its certificate is on the revocation list."],
  keyDone_destroy: ["鍵を完全に破棄しました。", "The key is destroyed and erased."],
  keyDone_renew: [
    "新しい鍵と証明書ができ、古い鍵は破棄されました。新しいリカバリーコードを大切に保管し、古いものは捨ててください。",
    "Your new key is ready and the old one is destroyed. Keep the new recovery code, and throw the old one away.",
  ],
  keyDone_waiting: [
    "新しい鍵ができました。認証局の証明書が登録されるまでは、今の鍵を使えます。",
    "The new key is made. Until its certificate is installed, the present key goes on.",
  ],
  keyDone_change_pin: ["新しいPINになりました。古いPINはもう使えません。", "The new PIN is in force. The old one opens nothing any more."],
  keyDone_add_passkey: [
    "パスキーを追加しました。サインインにも使えます。古いリカバリーコードは捨ててください。",
    "The passkey is added, and signs you in, too. Throw the old recovery code away.",
  ],
  keyDone_remove_passkey: [
    "パスキーを外し、ほかの場所のサインインを終了しました。古いリカバリーコードは捨ててください。",
    "The passkey is removed, and everybody signed in as you elsewhere is signed out. Throw the old recovery code away.",
  ],
  keyOfficer_suspend: ["鍵を停止しました。", "The key is suspended."],
  keyOfficer_resume: ["鍵を再開しました。", "The key is active again."],
  keyOfficer_revoke: ["鍵を失効させました。", "The key is revoked."],
  keyOfficer_install_certificate: ["証明書を登録し、鍵が使えるようになりました。", "The certificate is installed, and the key is active."],
};
