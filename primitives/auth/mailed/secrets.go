package mailed

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/insforge/insforge-go/primitives/auth/accounts"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
)

// purpose is what a mailed secret can be used for; it cannot be used for
// anything else.
type purpose string

const (
	toVerify purpose = "VERIFY_EMAIL"
	toReset  purpose = "RESET_PASSWORD"
	toSignIn purpose = "SIGN_IN"
)

// kind distinguishes codes, which are typed in, from tokens, which links carry.
type kind string

const (
	numericCode kind = "NUMERIC_CODE"
	hashToken   kind = "HASH_TOKEN"
)

const (
	codeLife       = 15 * time.Minute
	signInCodeLife = 5 * time.Minute
	tokenLife      = 24 * time.Hour
	// maxAttempts wrong codes void the right one.
	maxAttempts = 3
	tokenBytes  = 32
	// keptSecrets is how long an expired secret is kept, so that its link still
	// leads to the page that shows that it has expired.
	keptSecrets = 7 * 24 * time.Hour
)

var (
	codeDigits  = regexp.MustCompile(`^[0-9]{6}$`)
	tokenDigits = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// secret is what is mailed, and what of it is stored.
type secret struct {
	text, hash string
	kind       kind
	life       time.Duration
}

// newSecret returns a code or a token for a purpose.
func (s *Service) newSecret(ctx context.Context, p purpose, m accounts.Method) (secret, error) {
	if m == accounts.ByLink {
		return newToken(), nil
	}
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		return secret{}, err
	}
	text := fmt.Sprintf("%06d", n)
	hash, err := s.passwords.Hash(ctx, text)
	life := codeLife
	if p == toSignIn {
		life = signInCodeLife
	}
	return secret{text: text, hash: hash, kind: numericCode, life: life}, err
}

func newToken() secret {
	raw := make([]byte, tokenBytes)
	rand.Read(raw) // never fails: crypto/rand aborts the process instead
	text := hex.EncodeToString(raw)
	return secret{text: text, hash: tokenHash(text), kind: hashToken, life: tokenLife}
}

// tokenHash is what is stored of a token, which has enough bits to need no salt.
func tokenHash(token string) string {
	digest := sha256.Sum256([]byte(token))
	return hex.EncodeToString(digest[:])
}

// storeSecret makes fresh the only secret of its address and purpose.
func storeSecret(ctx context.Context, tx pg.Tx, email string, p purpose, fresh secret, redirectTo string, now time.Time) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO auth.email_otps (email, purpose, otp_hash, otp_type, redirect_to, expires_at)
		VALUES ($1, $2, $3, $4, nullif($5, ''), $6)
		ON CONFLICT (email, purpose) DO UPDATE
		   SET otp_hash = EXCLUDED.otp_hash,
		       otp_type = EXCLUDED.otp_type,
		       redirect_to = EXCLUDED.redirect_to,
		       expires_at = EXCLUDED.expires_at,
		       attempts_count = 0,
		       consumed_at = NULL`,
		email, string(p), fresh.hash, string(fresh.kind), redirectTo, now.Add(fresh.life))
	return err
}

// attempt is a presented code, compared with the stored one.
type attempt struct {
	email   string
	purpose purpose
	// hash is that of the stored code; empty when there is none to compare.
	hash  string
	right bool
}

// compare compares a presented code with the stored one. It takes the same time
// when there is none, and holds no connection while it hashes, which is slow on
// purpose. The result counts only once attempt.redeem has made sure that the
// stored code is still the same.
func (s *Service) compare(ctx context.Context, email string, p purpose, code string) (a attempt, err error) {
	a = attempt{email: email, purpose: p}
	err = s.db.AsProject(ctx, func(tx pg.Tx) error {
		err := tx.QueryRow(ctx, `
			SELECT otp_hash FROM auth.email_otps
			 WHERE email = $1 AND purpose = $2
			   AND otp_type = 'NUMERIC_CODE' AND consumed_at IS NULL AND expires_at > $3`,
			email, string(p), s.now()).Scan(&a.hash)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	if err != nil {
		return attempt{}, err
	}
	a.right, err = s.passwords.Matches(ctx, a.hash, code, nil)
	return a, err
}

// redeem uses up the code with the transaction. A wrong attempt is counted even
// if nothing else is committed, and one too many uses up the code. Attempts at
// the same time are counted one after the other, so that guessing in parallel
// gains nothing.
//
// It returns 400 INVALID_INPUT unless the code is right and still valid.
func (a attempt) redeem(ctx context.Context, tx pg.Tx, now time.Time) error {
	tag, err := tx.Exec(ctx, `
		UPDATE auth.email_otps
		   SET attempts_count = attempts_count + CASE WHEN $4 THEN 0 ELSE 1 END,
		       consumed_at = CASE WHEN $4 OR attempts_count + 1 >= $5 THEN $6::timestamptz END
		 WHERE email = $1 AND purpose = $2 AND otp_hash = $3
		   AND otp_type = 'NUMERIC_CODE' AND consumed_at IS NULL AND expires_at > $6`,
		a.email, string(a.purpose), a.hash, a.right, maxAttempts, now)
	if err != nil {
		return err
	}
	if !a.right || tag.RowsAffected() == 0 {
		return pg.Persist(errCode())
	}
	return nil
}

func errCode() *fault.Error {
	return fault.Invalid("Invalid or expired verification code").Next("Check the code, or request a new one.")
}

func errToken() *fault.Error {
	return fault.Invalid("Invalid or expired token").Next("Request a new e-mail.")
}

// link is what is known about a token without redeeming it.
type link struct {
	redirectTo string
	used       bool
}

// findLink returns the link with a token, even if it has expired or was used. It
// returns 400 INVALID_INPUT when there is none, or it leads nowhere.
func findLink(ctx context.Context, tx pg.Tx, p purpose, token string) (l link, err error) {
	err = tx.QueryRow(ctx, `
		SELECT redirect_to, consumed_at IS NOT NULL
		  FROM auth.email_otps
		 WHERE otp_hash = $1 AND purpose = $2 AND otp_type = 'HASH_TOKEN' AND redirect_to IS NOT NULL`,
		tokenHash(token), string(p)).Scan(&l.redirectTo, &l.used)
	if errors.Is(err, pgx.ErrNoRows) {
		return link{}, errToken()
	}
	return l, err
}

// tokenLives reports whether a token could be redeemed.
func tokenLives(ctx context.Context, tx pg.Tx, p purpose, token string, now time.Time) (lives bool, err error) {
	err = tx.QueryRow(ctx, `
		SELECT EXISTS (
		  SELECT FROM auth.email_otps
		   WHERE otp_hash = $1 AND purpose = $2
		     AND otp_type = 'HASH_TOKEN' AND consumed_at IS NULL AND expires_at > $3)`,
		tokenHash(token), string(p), now).Scan(&lives)
	return lives, err
}

// redeemToken uses up a token with the transaction and returns the address that
// it was mailed to, or 400 INVALID_INPUT.
func redeemToken(ctx context.Context, tx pg.Tx, p purpose, token string, now time.Time) (email string, err error) {
	err = tx.QueryRow(ctx, `
		UPDATE auth.email_otps
		   SET consumed_at = $3
		 WHERE otp_hash = $1 AND purpose = $2
		   AND otp_type = 'HASH_TOKEN' AND consumed_at IS NULL AND expires_at > $3
		RETURNING email`, tokenHash(token), string(p), now).Scan(&email)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", errToken()
	}
	return email, err
}

// deleteOldSecrets deletes those that expired long ago.
func deleteOldSecrets(ctx context.Context, tx pg.Tx, now time.Time) error {
	_, err := tx.Exec(ctx, `DELETE FROM auth.email_otps WHERE expires_at <= $1`, now.Add(-keptSecrets))
	return err
}
