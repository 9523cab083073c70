package mailed

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/insforge/insforge-go/primitives/auth/accounts"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
)

// issued is a secret that is stored and about to be mailed.
type issued struct {
	secret
	email   string
	purpose purpose
	// to is the user with the address; zero when there is none.
	to accounts.User
	// former is the valid secret that this one replaced; nil for none.
	former *formerSecret
}

type formerSecret struct {
	hash, kind string
	redirectTo *string
	attempts   int
	expires    time.Time
}

// issue stores a new secret for an address and a purpose, replacing the one
// before it.
//
// It does the same, in the same time, for an address without an account. The
// stored row makes later attempts at a code look the same, too.
func (s *Service) issue(ctx context.Context, email string, p purpose, m accounts.Method, redirectTo string) (issued, error) {
	fresh, err := s.newSecret(ctx, p, m)
	if err != nil {
		return issued{}, err
	}
	i := issued{secret: fresh, email: email, purpose: p}
	err = s.db.AsProject(ctx, func(tx pg.Tx) (err error) {
		if i.former, err = lockSecret(ctx, tx, email, p, s.now()); err != nil {
			return err
		}
		if err := storeSecret(ctx, tx, email, p, fresh, redirectTo, s.now()); err != nil {
			return err
		}
		i.to, err = accounts.FindByAddress(ctx, tx, email)
		return err
	})
	return i, err
}

// takeBack restores the secret that i replaced: the mail with i was not sent,
// and the user may be about to read the mail before it.
func (s *Service) takeBack(ctx context.Context, i issued) error {
	if i.former == nil {
		return nil
	}
	return s.db.AsProject(ctx, func(tx pg.Tx) error {
		_, err := tx.Exec(ctx, `
			UPDATE auth.email_otps
			   SET otp_hash = $4,
			       otp_type = $5,
			       redirect_to = $6,
			       attempts_count = $7,
			       expires_at = $8,
			       consumed_at = NULL
			 WHERE email = $1 AND purpose = $2 AND otp_hash = $3`,
			i.email, string(i.purpose), i.hash,
			i.former.hash, i.former.kind, i.former.redirectTo, i.former.attempts, i.former.expires)
		return err
	})
}

// lockSecret returns the valid secret of an address and a purpose and locks its
// row until the end of the transaction; nil when there is none.
func lockSecret(ctx context.Context, tx pg.Tx, email string, p purpose, now time.Time) (*formerSecret, error) {
	var f formerSecret
	err := tx.QueryRow(ctx, `
		SELECT otp_hash, otp_type, redirect_to, attempts_count, expires_at
		  FROM auth.email_otps
		 WHERE email = $1 AND purpose = $2 AND consumed_at IS NULL AND expires_at > $3
		   FOR UPDATE`, email, string(p), now).
		Scan(&f.hash, &f.kind, &f.redirectTo, &f.attempts, &f.expires)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return &f, err
}
