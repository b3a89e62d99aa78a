/** Words about applications that ask for permission or signatures: [日本語, English]. */
export const applications = {
  applicationAsks: ["「{name}」からの依頼", "“{name}” asks you"],
  applicationReturns: ["答えの送り先", "Your answer goes to"],
  applicationWaits: [
    "「{name}」が答えを待っています（この画面は、アプリケーションから開いたものではありません）",
    "“{name}” waits for it; it did not bring you here",
  ],
  applicationSays: ["依頼の説明（アプリケーションの言葉）", "What it says (the application’s words)"],
  applicationSignatures: ["署名の数", "Number of signatures"],
  applicationCertificate: ["使う証明書", "Certificate used"],
  applicationUnnamed: ["名前のない文書", "Document without a name"],
  applicationRecordGood: [
    "このブラウザーが承認記録を計算し直しました。記録は、上に示すフィンガープリントだけを指しています。",
    "This browser recomputed the record of approval. It names exactly the fingerprints listed here, and nothing else.",
  ],
  applicationBack: ["署名せずにアプリケーションに戻る", "Back to the application without signing"],
  applicationGoingBack: ["アプリケーションに戻ります…", "Going back to the application…"],
  unlinkConfirm: ["このアプリケーションの許可を終了しますか。", "End what this application was allowed?"],
};
