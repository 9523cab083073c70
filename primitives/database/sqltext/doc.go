// Package sqltext reads the text of SQL as Postgres's lexer does, without its
// grammar: it splits a text into statements, says what kind of statement each
// is, and refuses those that the product never runs.
//
//	statements, err := sqltext.Split(text)       // 403: not SQL
//	err = sqltext.Guard(statements)              // 403: refused by rule
//	changes := sqltext.Changes(statements)       // what to announce
//	for _, s := range statements { run(s.Text) } // one command each
//
// Every error of the package unwraps to a *fault.Error (403 FORBIDDEN) that can
// be returned as is; the types *SyntaxError and *Violation distinguish the two.
//
// What the guards are for. They keep callers from breaking the way the product
// runs their SQL: leaving the transaction, changing role or timeout, making
// roles. They do not limit what a caller may do, which is up to the database
// role: code inside functions and DO blocks is invisible here. When in doubt,
// they refuse.
//
// Why they are exact. The first words of a command identify it, and these are
// keywords: never quoted, never escaped. So the guards cannot be fooled as long
// as the guarded text is one command. Callers let the server check that: they
// send statements with the extended protocol, which refuses more than one
// command in a text (SQLSTATE 42601). Where this lexer and the server disagree
// about the end of a statement, the server refuses.
//
// All functions take time proportional to the text and do not recurse.
package sqltext
