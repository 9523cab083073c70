// Package sqltext reads the text of SQL as Postgres's lexer does, without its
// grammar: it splits a text into statements, says what kind of statement each
// is, and refuses those that the product does not run for anybody.
//
//	statements, err := sqltext.Split(text)       // 403: not SQL
//	err = sqltext.Guard(statements)              // 403: refused by rule
//	changes := sqltext.Changes(statements)       // what to announce
//	for _, s := range statements { run(s.Text) } // one command each
//
// Every error of the package unwraps to a *fault.Error (403 FORBIDDEN) that
// may be answered as it is; *SyntaxError and *Violation tell the two apart.
//
// What the guards are. They keep callers from steps that break the way the
// product runs their SQL: leaving the transaction, changing role or timeout,
// making roles. They are not the boundary of what a caller may do, which is
// the database role: code inside functions and DO blocks cannot be seen here.
// Within that they err on the side of refusing.
//
// What makes them exact. A command of Postgres is told by its first words,
// which are keywords: never quoted, never escaped. So the guards cannot be
// fooled as long as what is guarded is one command. Callers make the server
// check that: a statement is sent by the extended protocol, which refuses
// more than one command in a text (SQLSTATE 42601). Where this lexer and the
// server disagree about where a statement ends, the server refuses.
//
// All functions take time proportional to the text and do not recurse.
package sqltext
