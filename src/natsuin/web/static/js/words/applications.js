/** Words about applications that ask for permission or signatures: [日本語, English]. */
export const applications = {
  applicationAsks: ["「{name}」からの依頼", "“{name}” asks you"],
  applicationReturns: ["答えの送り先", "Your answer goes to"],
  applicationSays: ["依頼の説明（アプリケーションの言葉）", "What it says (the application’s words)"],
  applicationSignatures: ["署名の数", "Number of signatures"],
  applicationCertificate: ["使う証明書", "Certificate used"],
  applicationHash: ["ハッシュ関数", "Hash function"],
  applicationUnnamed: ["名前のない文書", "Document without a name"],
  applicationRecordGood: [
    "このブラウザーが承認記録を計算し直しました。記録は、上に示すフィンガープリントだけを指しています。",
    "This browser recomputed the record of approval. It names exactly the fingerprints listed here, and nothing else.",
  ],
  applicationGoingBack: ["アプリケーションに戻ります…", "Going back to the application…"],
  applicationOver: [
    "この依頼はもう使えません。アプリケーションに戻って、もう一度始めてください。",
    "This request is of no more use. Go back to the application and start there again.",
  ],
  unlinkConfirm: ["このアプリケーションの許可を終了しますか。", "End what this application was allowed?"],
};
