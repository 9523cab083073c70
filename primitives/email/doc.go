// Package email sends the project's mails: those of the auth primitive, made
// from templates, and those that signed-in users write.
//
// Where a mail goes is decided for each one, so a change of the settings needs
// no restart. With SMTP switched on and its password readable it goes to that
// server. With SMTP switched off and the development mailbox on, it is kept in
// the mailbox: a bounded number of mails that administrators read at
// GET /api/email/mailbox. Otherwise sending is refused with 503
// EMAIL_PROVIDER_NOT_CONFIGURED.
//
// A mail to SMTP is a row of the outbox first and is tried once before the
// caller gets an answer. The answer is success when the server took the mail
// and also when the failure may pass (a reply 4xx, no answer in time, no
// connection): then the row stays and Run tries again, less and less often,
// until the mail is too old to be of use, that is when its code or link has
// expired. Any other failure is 500 EMAIL_SMTP_SEND_FAILED. A process that dies
// in between leaves the row to the next one, so a mail may arrive twice, with
// the same Message-ID, but is not lost.
//
// Bodies hold one-time codes. They are sealed in the outbox and the mailbox,
// deleted on delivery or after the last failure, and never part of a log line,
// an audit row or an error. Neither are the words of a mail server, which may
// repeat them; only an administrator who tests the settings sees those.
//
// Routes, below /api/auth: GET and PUT /smtp-config, POST /smtp-config/test,
// GET /email-templates, PUT /email-templates/:type, POST
// /email-templates/:type/preview. Below /api/email: POST /send-raw, GET, PUT
// and DELETE /mailbox, GET and DELETE /mailbox/:id, GET /outbox. All but
// send-raw are for administrators.
//
// The package owns the tables of schema email. It implements auth's Mailer,
// asks whether mails are required before it gives up the last way to send them,
// and announces no events.
package email
