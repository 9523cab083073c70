package pg

import (
	"context"
	"crypto/sha256"
	"fmt"
)

// Bootstrap makes the database agree with this process's secrets after the
// migrations ran. verifier is the SCRAM-SHA-256 verifier of the
// authenticator's password: the password itself is never part of a statement.
// auditToken lets the server write audit rows (audit.Recorder).
func (db *DB) Bootstrap(ctx context.Context, verifier string, auditToken []byte) error {
	return db.AsOwner(ctx, func(tx Tx) error {
		// Another process on the same database may be doing the same.
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtext('insforge bootstrap'))`); err != nil {
			return err
		}
		// ALTER ROLE takes no parameters, so format() quotes the literal.
		var alter string
		if err := tx.QueryRow(ctx, `SELECT format('ALTER ROLE %I PASSWORD %L', $1::text, $2::text)`,
			Authenticator, verifier).Scan(&alter); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, alter); err != nil {
			return fmt.Errorf("set password of %s: %w", Authenticator, err)
		}
		digest := sha256.Sum256(auditToken)
		_, err := tx.Exec(ctx, `
			INSERT INTO system.instance (name, digest) VALUES ('audit', $1)
			ON CONFLICT (name) DO UPDATE SET digest = excluded.digest`, digest[:])
		return err
	})
}
