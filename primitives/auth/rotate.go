package auth

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/insforge/insforge-go/primitives/auth/tokens"
	"github.com/insforge/insforge-go/primitives/kernel/audit"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

const (
	// followEvery is how often a process looks for rotations of others, and so
	// for how long it may go on signing with a key that was retired.
	followEvery = time.Minute
	sweepEvery  = time.Hour
	// retiredFor is how long a retired key still checks tokens: until the last
	// that any process signed with it has expired.
	retiredFor = tokens.AccessLifetime + 2*followEvery
	// maxRetired bounds the keys of the JWKS document.
	maxRetired = 8
	// reloadPause is the least time between two looks for a key that a token
	// names: anybody can name one.
	reloadPause = 5 * time.Second
)

// retiredKey is an element of the list in the secret JWT_RETIRED_KEYS.
type retiredKey struct {
	ID    string    `json:"id"`
	PEM   string    `json:"pem"`
	Until time.Time `json:"until"`
}

// retiredKeys decodes the list and leaves out those that are good no more.
func retiredKeys(secret string, now time.Time) ([]tokens.RetiredKey, error) {
	if secret == "" {
		return nil, nil
	}
	var stored []retiredKey
	if json.Unmarshal([]byte(secret), &stored) != nil {
		return nil, fmt.Errorf("the secret %s is not a list of keys; deactivate it: tokens of retired keys are then refused", secretRetiredKeys)
	}
	var keys []tokens.RetiredKey
	for _, k := range stored {
		if now.Before(k.Until) {
			keys = append(keys, tokens.RetiredKey{PublicKey: tokens.PublicKey{ID: k.ID, PEM: k.PEM}, Until: k.Until})
		}
	}
	return keys, nil
}

func encodeRetired(keys []tokens.RetiredKey) (string, error) {
	stored := make([]retiredKey, 0, len(keys))
	for _, k := range keys {
		stored = append(stored, retiredKey{ID: k.ID, PEM: k.PEM, Until: k.Until.UTC()})
	}
	text, err := json.Marshal(stored)
	return string(text), err
}

// Rotation tells which key signs access tokens from now on.
type Rotation struct {
	KeyID         string `json:"keyId"`
	PreviousKeyID string `json:"previousKeyId"`
	// PreviousValidUntil is when the previous key stops checking tokens; nil
	// when it has already.
	PreviousValidUntil *rest.Time `json:"previousKeyValidUntil"`
}

// RotateSigningKey makes a new key pair for access tokens. The previous one
// signs no more but checks tokens until the last that it signed has expired,
// unless revoke says that it, and all before it, stop at once: every access
// token is then refused, and clients refresh theirs. Sessions go on. Only
// administrators may call it.
//
// It returns 429 TOO_MANY_REQUESTS when too many retired keys are still good.
func (s *Service) RotateSigningKey(ctx context.Context, revoke bool) (Rotation, error) {
	pair, err := tokens.GenerateKey()
	if err != nil {
		return Rotation{}, err
	}
	done := Rotation{KeyID: pair.ID}
	keys := []string{secretPrivateKey, secretPublicKey, secretKeyID, secretRetiredKeys}
	err = s.vault.Reconcile(ctx, keys, func(stored map[string]string) (map[string]string, error) {
		retired, err := s.retire(stored, revoke)
		if err != nil {
			return nil, err
		}
		done.PreviousKeyID = stored[secretKeyID]
		if n := len(retired); n > 0 {
			until := rest.Time(retired[n-1].Until)
			done.PreviousValidUntil = &until
		}
		list, err := encodeRetired(retired)
		return map[string]string{
			secretPrivateKey:  pair.PrivatePEM,
			secretPublicKey:   pair.PEM,
			secretKeyID:       pair.ID,
			secretRetiredKeys: list,
		}, err
	})
	if err != nil {
		return Rotation{}, fmt.Errorf("rotate signing key: %w", err)
	}
	if err := s.Reload(ctx); err != nil {
		return Rotation{}, err
	}
	// The secrets are written by their own primitive, in its own transaction.
	return done, s.asProject(ctx, func(tx pg.Tx) error {
		return s.audit.Record(ctx, tx, audit.Entry{
			Module:  audit.Auth,
			Action:  "ROTATE_SIGNING_KEY",
			Details: map[string]any{"keyId": done.KeyID, "previousKeyId": done.PreviousKeyID, "revoked": revoke},
		})
	})
}

// retire returns the keys that check tokens beside a new one: those of before
// and the one that signed.
func (s *Service) retire(stored map[string]string, revoke bool) ([]tokens.RetiredKey, error) {
	if revoke || stored[secretKeyID] == "" {
		return nil, nil
	}
	retired, err := retiredKeys(stored[secretRetiredKeys], s.now())
	if err != nil {
		return nil, err
	}
	if len(retired) >= maxRetired {
		return nil, fault.New(http.StatusTooManyRequests, fault.TooManyRequests, "The signing key was rotated too often in the last minutes").
			Next("Wait until the retired keys have expired, or revoke them with revokeOld.")
	}
	return append(retired, tokens.RetiredKey{
		PublicKey: tokens.PublicKey{ID: stored[secretKeyID], PEM: stored[secretPublicKey]},
		Until:     s.now().Add(retiredFor),
	}), nil
}

// reloadForKey looks whether another process rotated the key, for a token
// whose key is not among used. It reports whether there is something new.
func (s *Service) reloadForKey(ctx context.Context, used *credentials) bool {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	if s.state.Load() != used {
		return true
	}
	now := s.now()
	if now.Sub(s.reloaded) < reloadPause {
		return false
	}
	s.reloaded = now
	if err := s.Reload(ctx); err != nil {
		s.log.Warn().Err(err).Msg("auth: looking for a rotated signing key failed")
		return false
	}
	return s.state.Load() != used
}

// handleRotateKey serves "POST /api/auth/keys/jwt/rotate".
func (s *Service) handleRotateKey(c rest.Context) error {
	f, err := rest.Body(c)
	if err != nil {
		return err
	}
	revoke := f.OptBool("revokeOld")
	if err := f.Err(); err != nil {
		return err
	}
	done, err := s.RotateSigningKey(c.Request().Context(), revoke != nil && *revoke)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, done)
}
