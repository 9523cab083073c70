package secrets

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/seal"
)

// Deps are what secrets need from the rest of the product.
type Deps struct {
	DB  *pg.DB
	Box *seal.Box        // seals and opens values
	Now func() time.Time // time.Now outside tests
}

// Service keeps secrets. It is safe for concurrent use.
type Service struct{ deps Deps }

// New returns a Service. It reads nothing.
func New(d Deps) (*Service, error) {
	if d.DB == nil || d.Box == nil || d.Now == nil {
		return nil, errors.New("secrets: a dependency is missing")
	}
	return &Service{deps: d}, nil
}

// Value returns the value of an active secret and marks it as used. Its callers
// may pass the value on only to an administrator or to the product itself.
//
// It returns 404 SECRET_NOT_FOUND for a secret that is unknown, inactive or
// expired.
func (s *Service) Value(ctx context.Context, key string) (string, error) {
	var sealed string
	err := s.deps.DB.AsOwner(ctx, func(tx pg.Tx) (err error) {
		sealed, err = touch(ctx, tx, key, s.deps.Now())
		return err
	})
	if errors.Is(err, errAbsent) {
		return "", fault.New(http.StatusNotFound, fault.SecretNotFound, "Secret not found: "+key).
			Next("Check the secret's name; inactive and expired secrets cannot be read.")
	}
	if err != nil {
		return "", fmt.Errorf("read secret %s: %w", key, err)
	}
	return s.open(key, sealed)
}

// Each calls visit with every active reserved secret whose key match accepts,
// in the order of the keys. expires is zero for one that does not expire. It
// stops at the first error of visit.
func (s *Service) Each(ctx context.Context, match func(key string) bool, visit func(key, value string, expires time.Time) error) error {
	var found []row
	err := s.deps.DB.AsOwner(ctx, func(tx pg.Tx) (err error) {
		found, err = reserved(ctx, tx, s.deps.Now())
		return err
	})
	if err != nil {
		return fmt.Errorf("read reserved secrets: %w", err)
	}
	for _, r := range found {
		if !match(r.key) {
			continue
		}
		value, err := s.open(r.key, r.sealed)
		if err != nil {
			return err
		}
		if err := visit(r.key, value, r.expires); err != nil {
			return err
		}
	}
	return nil
}

// Reconcile sets reserved secrets as decide says. decide sees the values of
// those keys that are active and returns the ones to write, new or replaced;
// nil changes nothing. Reading, deciding and writing are one transaction, and
// processes that reconcile at the same time take turns: each sees what those
// before it wrote.
func (s *Service) Reconcile(ctx context.Context, keys []string, decide func(stored map[string]string) (map[string]string, error)) error {
	return s.deps.DB.AsOwner(ctx, func(tx pg.Tx) error {
		if err := lockReserved(ctx, tx); err != nil {
			return err
		}
		found, err := reserved(ctx, tx, s.deps.Now())
		if err != nil {
			return fmt.Errorf("read reserved secrets: %w", err)
		}
		stored := map[string]string{}
		for _, r := range found {
			if !slices.Contains(keys, r.key) {
				continue
			}
			if stored[r.key], err = s.open(r.key, r.sealed); err != nil {
				return err
			}
		}
		changes, err := decide(stored)
		if err != nil {
			return err
		}
		for _, key := range slices.Sorted(maps.Keys(changes)) {
			if err := putReserved(ctx, tx, key, s.deps.Box.Seal(changes[key])); err != nil {
				return fmt.Errorf("write secret %s: %w", key, err)
			}
		}
		return nil
	})
}

func (s *Service) open(key, sealed string) (string, error) {
	value, err := s.deps.Box.Open(sealed)
	if err != nil {
		return "", fmt.Errorf("secret %s: %w; start with the ENCRYPTION_KEY it was written with", key, err)
	}
	return value, nil
}
