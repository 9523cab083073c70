package credentials

import (
	"context"
	"encoding/json"
	"errors"
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
	// followEvery is how often a process looks for rotations by others, and so
	// how long it may go on signing with a retired key.
	followEvery = time.Minute
	// retiredFor is how long a retired key still verifies tokens: until the
	// last one that any process signed with it has expired.
	retiredFor = tokens.AccessLifetime + 2*followEvery
	// maxRetired bounds the keys of the JWKS document.
	maxRetired = 8
	// reloadPause is the least time between two reloads because a token names
	// an unknown key: anyone can send such a token.
	reloadPause = 5 * time.Second
	// rotatePatience bounds what is left to do once a new key is stored.
	rotatePatience = 20 * time.Second
)

// retiredKey is an element of the list in the secret JWT_RETIRED_KEYS.
type retiredKey struct {
	ID    string    `json:"id"`
	PEM   string    `json:"pem"`
	Until time.Time `json:"until"`
}

// retiredKeys decodes the list and leaves out the keys that have expired.
func retiredKeys(secret string, now time.Time) ([]tokens.RetiredKey, error) {
	if secret == "" {
		return nil, nil
	}
	var stored []retiredKey
	if json.Unmarshal([]byte(secret), &stored) != nil {
		return nil, fmt.Errorf("the secret %s is not a list of keys; deactivate it: tokens signed with retired keys are then refused", secretRetiredKeys)
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

// Rotation is the outcome of Rotate.
type Rotation struct {
	// KeyID is the key that signs access tokens from now on.
	KeyID         string `json:"keyId"`
	PreviousKeyID string `json:"previousKeyId"`
	// PreviousValidUntil is when the previous key stops verifying tokens; nil
	// when it already has.
	PreviousValidUntil *rest.Time `json:"previousKeyValidUntil"`
}

// Rotate makes a new key pair for access tokens. The previous one no longer
// signs, but verifies tokens until the last that it signed has expired. With
// revoke, it and all before it stop at once: every access token is then
// refused, and clients refresh theirs. Sessions continue. Only administrators
// may call it.
//
// It returns 429 TOO_MANY_REQUESTS when too many retired keys are still valid.
func (s *Service) Rotate(ctx context.Context, revoke bool) (Rotation, error) {
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
	// The Vault has written the secrets in its own transaction. So the rotation
	// is put in force and audited even when the caller has left.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rotatePatience)
	defer cancel()
	recorded := s.db.AsProject(ctx, func(tx pg.Tx) error {
		return s.audit.Record(ctx, tx, audit.Entry{
			Module:  audit.Auth,
			Action:  "ROTATE_SIGNING_KEY",
			Details: map[string]any{"keyId": done.KeyID, "previousKeyId": done.PreviousKeyID, "revoked": revoke},
		})
	})
	return done, errors.Join(s.Reload(ctx), recorded)
}

// retire returns the keys that verify tokens besides a new one: those retired
// before, and the one that signed until now.
func (s *Service) retire(stored map[string]string, revoke bool) ([]tokens.RetiredKey, error) {
	if revoke || stored[secretKeyID] == "" {
		return nil, nil
	}
	retired, err := retiredKeys(stored[secretRetiredKeys], s.now())
	if err != nil {
		return nil, err
	}
	if len(retired) >= maxRetired {
		return nil, fault.New(http.StatusTooManyRequests, fault.TooManyRequests, "The signing key was rotated too often in the last few minutes").
			Next("Wait until the retired keys have expired, or revoke them with revokeOld.")
	}
	return append(retired, tokens.RetiredKey{
		PublicKey: tokens.PublicKey{ID: stored[secretKeyID], PEM: stored[secretPublicKey]},
		Until:     s.now().Add(retiredFor),
	}), nil
}

// reloadForKey reloads the credentials for a token that names a key which used
// lacks: another process may have rotated it. It reports whether they changed.
func (s *Service) reloadForKey(ctx context.Context, used *snapshot) bool {
	done, err := s.startLoading(ctx)
	if err != nil {
		return false
	}
	defer done()
	if s.current.Load() != used {
		return true
	}
	if s.now().Sub(s.reloaded) < reloadPause {
		return false
	}
	// The next attempt has to wait, so this one goes on when its caller leaves.
	err = s.load(context.WithoutCancel(ctx))
	s.reloaded = s.now()
	if err != nil {
		s.log.Warn().Err(err).Msg("auth: looking for a rotated signing key failed")
		return false
	}
	return s.current.Load() != used
}

// Follow loads rotations by other processes on the same database until ctx
// ends.
func (s *Service) Follow(ctx context.Context) {
	every := time.NewTicker(followEvery)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
		if err := s.Reload(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn().Err(err).Msg("auth: looking for a rotated signing key failed; will try again")
		}
	}
}
