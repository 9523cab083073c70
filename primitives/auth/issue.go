package auth

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/insforge/insforge-go/primitives/kernel/pg"
)

// issued is a secret that is stored and about to be mailed.
type issued struct {
	secret
	email   string
	purpose purpose
	// to is the user with the address; the zero User when there is none.
	to User
	// former is the good secret that this one took the place of; nil for none.
	former *formerSecret
}

type formerSecret struct {
	hash, kind string
	redirectTo *string
	attempts   int
	expires    time.Time
}

// issue stores a new secret for an address and a purpose, in place of the one
// before it.
//
// It does the same, in the same time, for an address that is nobody's. The
// stored row then keeps later attempts at a code alike as well.
func (s *Service) issue(ctx context.Context, email string, p purpose, m Method, redirectTo string) (issued, error) {
	fresh, err := s.newSecret(ctx, p, m)
	if err != nil {
		return issued{}, err
	}
	i := issued{secret: fresh, email: email, purpose: p}
	err = s.asProject(ctx, func(tx pg.Tx) (err error) {
		if i.former, err = lockSecret(ctx, tx, email, p, s.now()); err != nil {
			return err
		}
		if err := storeSecret(ctx, tx, email, p, fresh, redirectTo, s.now()); err != nil {
			return err
		}
		found, err := accountOf(tx.QueryRow(ctx, accountByAddress, email))
		i.to = found.user
		return err
	})
	return i, err
}

// takeBack makes the secret good again that i took the place of: the mail with
// i was not sent, and the one before it may be about to be read.
func (s *Service) takeBack(ctx context.Context, i issued) error {
	if i.former == nil {
		return nil
	}
	return s.asProject(ctx, func(tx pg.Tx) error {
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

// lockSecret returns the good secret of an address and a purpose and holds its
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
