package credentials

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"github.com/insforge/insforge-go/primitives/auth/keys"
	"github.com/insforge/insforge-go/primitives/auth/tokens"
)

// The reserved secrets that are the project's credentials, and the addresses
// that functions find next to them.
const (
	secretAPIKey      = "API_KEY"
	secretAnonKey     = "ANON_KEY"
	secretJWTSecret   = "JWT_SECRET"
	secretPrivateKey  = "JWT_PRIVATE_KEY"
	secretPublicKey   = "JWT_PUBLIC_KEY"
	secretKeyID       = "JWT_KEY_ID"
	secretRetiredKeys = "JWT_RETIRED_KEYS"
	secretBaseURL     = "INSFORGE_BASE_URL"
	secretInternalURL = "INSFORGE_INTERNAL_URL"

	// A rotated key is kept under one of these prefixes and the time, and works
	// until it expires.
	prefixOldAPIKey  = "API_KEY_OLD_"
	prefixOldAnonKey = "ANON_KEY_OLD_"

	// loadPatience bounds the time in which credentials are read.
	loadPatience = 10 * time.Second
)

var seededSecrets = []string{
	secretAPIKey, secretAnonKey, secretJWTSecret, secretPrivateKey,
	secretPublicKey, secretKeyID, secretBaseURL, secretInternalURL,
}

// Seeds are the values that a project starts with.
type Seeds struct {
	// APIKey and AnonKey are used when none is stored; empty ones are
	// generated. A missing prefix is added.
	APIKey, AnonKey string
	// BaseURL is the project's public address, InternalURL the one for its
	// own functions. They replace the stored ones; empty ones change nothing.
	BaseURL, InternalURL string
	// SigningKey makes the key pair of access tokens. It is called only when
	// none is stored; nil means tokens.GenerateKey. A caller can save time by
	// generating the pair beforehand, on another core.
	SigningKey func() (tokens.KeyPair, error)
}

// Seed stores the credentials that the project lacks and loads them all.
// Processes that start at the same time on one database end up with the same.
func (s *Service) Seed(ctx context.Context, seeds Seeds) error {
	err := s.vault.Reconcile(ctx, seededSecrets, func(stored map[string]string) (map[string]string, error) {
		return seeds.changes(stored, s.jwtSecret)
	})
	if err != nil {
		return fmt.Errorf("seed credentials: %w", err)
	}
	return s.Reload(ctx)
}

// changes returns the secrets to write over the stored ones.
func (in Seeds) changes(stored map[string]string, jwtSecret string) (map[string]string, error) {
	out := map[string]string{}
	if stored[secretAPIKey] == "" {
		out[secretAPIKey] = configuredOrNew(keys.API, in.APIKey)
	}
	// Early versions of InsForge stored a token as anon key; it is replaced.
	if !strings.HasPrefix(stored[secretAnonKey], string(keys.Anon)) {
		out[secretAnonKey] = configuredOrNew(keys.Anon, in.AnonKey)
	}
	for name, value := range map[string]string{
		secretJWTSecret:   jwtSecret,
		secretBaseURL:     in.BaseURL,
		secretInternalURL: in.InternalURL,
	} {
		if value != "" && stored[name] != value {
			out[name] = value
		}
	}
	// Half a pair is useless.
	if stored[secretPrivateKey] == "" || stored[secretPublicKey] == "" || stored[secretKeyID] == "" {
		generate := in.SigningKey
		if generate == nil {
			generate = tokens.GenerateKey
		}
		pair, err := generate()
		if err != nil {
			return nil, err
		}
		out[secretPrivateKey], out[secretPublicKey], out[secretKeyID] = pair.PrivatePEM, pair.PEM, pair.ID
	}
	return out, nil
}

func configuredOrNew(kind keys.Kind, setting string) string {
	if key := kind.Configured(setting); key != "" {
		return key
	}
	return kind.Generate()
}

// Reload loads the project's credentials again, as after a rotation. Requests
// in flight keep the ones they started with.
func (s *Service) Reload(ctx context.Context) error {
	done, err := s.startLoading(ctx)
	if err != nil {
		return err
	}
	defer done()
	return s.load(ctx)
}

// startLoading waits until nobody else loads credentials. It keeps everybody
// out until done is called.
func (s *Service) startLoading(ctx context.Context) (done func(), err error) {
	select {
	case s.loading <- struct{}{}:
		return func() { <-s.loading }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("load credentials: %w", ctx.Err())
	}
}

// load is Reload for a caller who keeps everybody else out. Others may be
// waiting, so it gives up after loadPatience.
func (s *Service) load(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, loadPatience)
	defer cancel()
	c := &snapshot{verified: newCache()}
	var pair tokens.KeyPair
	var retired []tokens.RetiredKey
	all := sha256.New()
	err := s.vault.Each(ctx, isCredential, func(key, value string, expires time.Time) (err error) {
		fmt.Fprintf(all, "%q %q %d\n", key, value, expires.Unix())
		switch {
		case key == secretPrivateKey:
			pair.PrivatePEM = value
		case key == secretPublicKey:
			pair.PEM = value
		case key == secretKeyID:
			pair.ID = value
		case key == secretRetiredKeys:
			retired, err = retiredKeys(value, s.now())
		case key == secretAPIKey || strings.HasPrefix(key, prefixOldAPIKey):
			c.apiKeys.Add(value, expires)
		case key == secretAnonKey || strings.HasPrefix(key, prefixOldAnonKey):
			c.anonKeys.Add(value, expires)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("load credentials: %w", err)
	}
	all.Sum(c.fingerprint[:0])
	if old := s.current.Load(); old != nil && old.fingerprint == c.fingerprint {
		return nil // keep the tokens that were verified
	}
	c.tokens, err = tokens.New(tokens.Config{Secret: s.jwtSecret, Signing: pair, Retired: retired, Now: s.now})
	if err != nil {
		return fmt.Errorf("load the key pair in the secrets %s, %s and %s: %w; deactivate all three to have a new one generated",
			secretPrivateKey, secretPublicKey, secretKeyID, err)
	}
	s.current.Store(c)
	return nil
}

func isCredential(key string) bool {
	switch key {
	case secretAPIKey, secretAnonKey, secretPrivateKey, secretPublicKey, secretKeyID, secretRetiredKeys:
		return true
	}
	return strings.HasPrefix(key, prefixOldAPIKey) || strings.HasPrefix(key, prefixOldAnonKey)
}
