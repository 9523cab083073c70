package pg

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"github.com/insforge/insforge-go/primitives/kernel/identity"
)

// ErrOtherProject is returned by Bootstrap for the database of a project with
// other secrets. Nothing in it was changed.
var ErrOtherProject = errors.New("the database belongs to a project with another ENCRYPTION_KEY")

// Bootstrap makes the database agree with this process's secrets after the
// migrations ran: it creates the authenticator where needed and sets its
// password. verifier is the password's SCRAM-SHA-256 verifier: the password
// itself is never part of a statement. auditToken lets the server write audit
// rows (audit.Recorder); the first project to present one owns the database.
//
// It returns ErrOtherProject when that was another one.
func (db *DB) Bootstrap(ctx context.Context, verifier string, auditToken []byte) error {
	return db.AsOwner(ctx, func(tx Tx) error {
		// Another process on the same database may be doing the same.
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtext('insforge bootstrap'))`); err != nil {
			return err
		}
		if err := claim(ctx, tx, auditToken); err != nil {
			return err
		}
		return ensureAuthenticator(ctx, tx, db.caller.Config().ConnConfig.User, verifier)
	})
}

// claim assigns the database to the project with this token, or checks that
// it belongs to it.
func claim(ctx context.Context, tx Tx, auditToken []byte) error {
	digest := sha256.Sum256(auditToken)
	if _, err := tx.Exec(ctx, `
		INSERT INTO system.instance (name, digest) VALUES ('audit', $1)
		ON CONFLICT (name) DO NOTHING`, digest[:]); err != nil {
		return err
	}
	var ours bool
	if err := tx.QueryRow(ctx, `SELECT digest = $1 FROM system.instance WHERE name = 'audit'`, digest[:]).Scan(&ours); err != nil {
		return err
	}
	if !ours {
		return ErrOtherProject
	}
	return nil
}

// ensureAuthenticator makes login a role that may become a caller's role and
// nothing else. Statements about roles take no parameters, so format() quotes.
func ensureAuthenticator(ctx context.Context, tx Tx, login, verifier string) error {
	roles := []string{string(identity.RoleAnon), string(identity.RoleAuthenticated), string(identity.RoleProjectAdmin)}
	var role, grant, connect string
	err := tx.QueryRow(ctx, `
		SELECT format('%s ROLE %I LOGIN NOINHERIT PASSWORD %L',
		              CASE WHEN EXISTS (SELECT FROM pg_roles WHERE rolname = $1) THEN 'ALTER' ELSE 'CREATE' END, $1::text, $2::text),
		       format('GRANT %s TO %I', $3::text, $1::text),
		       format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), $1::text)`,
		login, verifier, strings.Join(roles, ", ")).Scan(&role, &grant, &connect)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, role); err != nil {
		return fmt.Errorf("set password of %s: %w", login, err)
	}
	if err := forgetSettings(ctx, tx, login); err != nil {
		return err
	}
	var granted bool
	err = tx.QueryRow(ctx, `SELECT bool_and(pg_has_role($1::name, role, 'MEMBER')) FROM unnest($2::name[]) role`, login, roles).Scan(&granted)
	if err != nil {
		return err
	}
	if !granted {
		if _, err := tx.Exec(ctx, grant); err != nil {
			return fmt.Errorf("let %s become a caller's role: %w", login, err)
		}
	}
	_, err = tx.Exec(ctx, connect)
	return err
}

// forgetSettings undoes what the login set for its later sessions, which no
// role can be prevented from doing: SQL of a project may RESET ROLE and
// become the login.
func forgetSettings(ctx context.Context, tx Tx, login string) error {
	var everywhere, here string
	err := tx.QueryRow(ctx, `
		SELECT format('ALTER ROLE %I RESET ALL', $1::text), format('ALTER ROLE %I IN DATABASE %I RESET ALL', $1::text, current_database())`,
		login).Scan(&everywhere, &here)
	if err != nil {
		return err
	}
	for _, statement := range []string{everywhere, here} {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return fmt.Errorf("reset the settings of %s: %w", login, err)
		}
	}
	return nil
}
