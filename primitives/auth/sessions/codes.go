package sessions

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
)

const (
	// codeLifetime is how long an application may take to exchange its code.
	codeLifetime = 5 * time.Minute
	codeBytes    = 32
	// forgetPatience bounds the deletion of codes.
	forgetPatience = 5 * time.Second
)

// IssueCode returns a code for a session of a user, bound to a challenge (RFC
// 7636). Only its digest is stored.
func (s *Service) IssueCode(ctx context.Context, userID, challenge string) (string, error) {
	raw := make([]byte, codeBytes)
	rand.Read(raw) // never fails: crypto/rand aborts the process instead
	code := hex.EncodeToString(raw)
	digest := sha256.Sum256([]byte(code))
	err := s.db.AsOwner(ctx, func(tx pg.Tx) error {
		return insertCode(ctx, tx, digest[:], userID, challenge, s.now().Add(codeLifetime), s.now())
	})
	return code, err
}

// RedeemCode returns the user that a code stands for. It uses the code up even
// when the verifier is wrong.
//
// It returns 400 INVALID_INPUT for a code that is unknown, expired or used, and
// 400 AUTH_UNAUTHORIZED for a verifier that does not match.
func (s *Service) RedeemCode(ctx context.Context, code, verifier string) (uuid.UUID, error) {
	digest := sha256.Sum256([]byte(code))
	var found issuedCode
	err := s.db.AsOwner(ctx, func(tx pg.Tx) (err error) {
		found, err = takeCode(ctx, tx, digest[:])
		return err
	})
	if err != nil {
		return uuid.Nil, err
	}
	if found.userID == uuid.Nil || !s.now().Before(found.expires) {
		return uuid.Nil, fault.Invalid("Invalid or expired code").Next("Start the sign-in again.")
	}
	sum := sha256.Sum256([]byte(verifier))
	challenge := base64.RawURLEncoding.EncodeToString(sum[:])
	if subtle.ConstantTimeCompare([]byte(challenge), []byte(found.challenge)) == 0 {
		return uuid.Nil, fault.New(http.StatusBadRequest, fault.AuthUnauthorized, "The code verifier does not match the code challenge").
			Next("Start the sign-in again, and exchange the code where it was started.")
	}
	return found.userID, nil
}

// forgetCodes deletes the codes of a user. Only the owner may touch them, so
// they are deleted after the transaction that makes them void; if that fails,
// they still expire soon.
func (s *Service) forgetCodes(ctx context.Context, userID uuid.UUID) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), forgetPatience)
	defer cancel()
	err := s.db.AsOwner(ctx, func(tx pg.Tx) error { return deleteCodes(ctx, tx, userID) })
	if err != nil {
		s.log.Error().Err(err).Str("user", userID.String()).Msg("auth: the codes of a user could not be deleted; they stay valid for up to five minutes")
	}
}
