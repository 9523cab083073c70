// Package mailed owns the codes and links that are mailed to users: to verify
// an address, to reset a password, and to sign in.
//
// A code of six digits, or the token in a link, proves that its bearer reads the
// mail of an address. Its table is auth.email_otps: one row for each address and
// purpose, holding only a hash. A secret is used up in the same transaction as
// the change it permits, and three wrong codes void the right one. Links begin
// with the configured address of the product, whatever host a request names.
//
// A request for a mail must not reveal whether an address has an account. So
// for any address the same secret is made and the same row written, and the
// answer is sent before the mail, which Run delivers if there is a receiver. A
// failure to deliver is logged, not answered. Sign-up is the exception by
// contract: it reveals that an address is taken, and waits for its mail. A code
// to sign in goes to every address, so its answer waits as well.
//
// Opening a verification link verifies the address, because clients of the
// contract expect the redirect at once. HEAD requests and prefetching browsers
// use nothing up. Opening a password reset link never does: the page that it
// leads to presents the token.
//
// Requests for mails are limited by client and spaced by address; wrong codes
// are limited by client.
//
// Routes: all below /api/auth/email, and SignIn, the handler of POST
// /api/auth/sessions with the method otp.
package mailed
