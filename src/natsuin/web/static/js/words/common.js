/** Words of every page: [日本語, English]. */
export const common = {
  working: ["処理しています…", "Working…"],
  nextStep: ["次にすること：", "Next step:"],
  requestNumber: ["問い合わせ番号：", "Number for enquiries:"],
  signInAgain: ["サインインして、このページに戻る", "Sign in and come back to this page"],
  toStart: ["トップページへ", "To the start page"],
  show: ["表示", "Show"],
  hide: ["隠す", "Hide"],
  copied: ["コピーしました。", "Copied."],
  copyFailed: ["コピーできませんでした。選択してコピーしてください。", "Could not copy. Select the text and copy it by hand."],
  unexpected: ["予期しない問題が起きました。", "Something unexpected went wrong."],
  unexpectedStep: [
    "ページを読み直して、もう一度お試しください。続く場合は運用者に連絡してください。",
    "Load the page again and retry. If it goes on, tell the operator.",
  ],
  offline: ["サーバーに接続できませんでした。", "The server could not be reached."],
  offlineStep: [
    "ネットワークを確かめて、もう一度お試しください。同じ操作を繰り返しても二重には処理されません。",
    "Check the network and try again. Repeating the same act does nothing twice.",
  ],
  unreadableAnswer: ["サーバーの応答を読み取れませんでした。", "The answer of the server could not be read."],

  signingIn: ["パスキーを待っています…", "Waiting for your passkey…"],
  passkeyRegistering: ["パスキーの登録を待っています…", "Waiting for the new passkey…"],
  passkeyRefused: [
    "パスキーの操作が完了しませんでした。取り消されたか、時間切れか、この端末に使えるパスキーがありません。",
    "The passkey did not answer: it was cancelled, time ran out, or there is no fitting passkey on this device.",
  ],
  passkeyRefusedStep: [
    "もう一度試すか、登録したパスキーのある端末を使ってください。",
    "Try again, or use the device that holds the passkey you registered.",
  ],
  passkeyAlready: ["この端末のパスキーは登録済みです。", "A passkey of this device is registered already."],
  passkeyAlreadyStep: ["別の端末かセキュリティキーを使ってください。", "Use another device or a security key."],
  passkeyUnsupported: ["このブラウザーはパスキーに対応していません。", "This browser does not know passkeys."],
  passkeyUnsupportedStep: [
    "新しいブラウザーを使うか、このページを暗号化された接続（https）で開いてください。",
    "Use a recent browser, and open this page over an encrypted connection (https).",
  ],
  passkeyWrongPlace: [
    "このアドレスではパスキーを使えません。",
    "Passkeys do not work at this address.",
  ],
  passkeyWrongPlaceStep: [
    "アドレス欄がサービスの正しいアドレスか確かめてください。違えば偽のページかもしれません。",
    "Check that the address bar shows the right address of the service. If not, the page may be false.",
  ],

  uploading: ["「{name}」を送って検査しています…", "Sending and checking “{name}”…"],
  notAPDF: ["「{name}」はPDFではないようです。", "“{name}” does not seem to be a PDF."],
  notAPDFStep: ["PDFファイルを選んでください。ほかの形式はPDFに変換してから追加してください。", "Choose a PDF file. Convert other formats to PDF first."],
  tooLarge: ["「{name}」は大きすぎます（{size}）。", "“{name}” is too large ({size})."],
  tooLargeStep: ["{limit}以下のファイルを選んでください。", "Choose a file of at most {limit}."],
  oneFile: ["一度に追加できるのは1ファイルです。", "One file at a time, please."],
  removeConfirm: [
    "この文書を一覧から取り除きます。サーバーにある写しも消えます。よろしいですか。",
    "This removes the document from your list, together with the copy on the server. Go on?",
  ],
  tokenMissing: ["招待リンクの後半がありません。", "The second half of the invitation link is missing."],
  tokenMissingStep: [
    "受け取ったリンク全体（# より後も）を開いてください。",
    "Open the whole link that you were given, with the part after #.",
  ],
  tokenCut: [
    "招待リンクが途中で切れているか、余分な文字が付いています（# の後は{wanted}文字ですが、{found}文字あります）。",
    "The invitation link was cut, or something was added: after # there should be {wanted} characters, and there are {found}.",
  ],
  tokenCutStep: [
    "メールなどで改行されていないか確かめ、リンク全体をコピーして開いてください。それでも開けなければ、送り主に知らせてください。このまま開いても、招待が使用済みになることはありません。",
    "Mail programs sometimes break links: copy the whole link and open it. If that does not help, tell its sender. Opening it like this does not use it up.",
  ],
  validUntil: ["有効期限：", "Good until"],
};
