package app

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/insforge/insforge-go/app/config"
	"github.com/insforge/insforge-go/primitives/auth"
	"github.com/insforge/insforge-go/primitives/auth/credentials"
	"github.com/insforge/insforge-go/primitives/auth/federated"
	"github.com/insforge/insforge-go/primitives/auth/tokens"
	"github.com/insforge/insforge-go/primitives/email"
)

// generateSigningKey starts making a key pair for access tokens, which takes
// longer than anything else at a first start, and returns a function that
// waits for it.
func generateSigningKey() func() (tokens.KeyPair, error) {
	type result struct {
		pair tokens.KeyPair
		err  error
	}
	done := make(chan result, 1)
	go func() {
		pair, err := tokens.GenerateKey()
		done <- result{pair, err}
	}()
	return func() (tokens.KeyPair, error) {
		r := <-done
		return r.pair, r.err
	}
}

// wireCredentials returns the part of auth that keeps the project's keys, for
// commands that need nothing else of it.
func wireCredentials(b base) (*credentials.Service, error) {
	return credentials.New(credentials.Deps{
		DB: b.db.DB, Vault: b.vault, Audit: b.audit, JWTSecret: b.secrets.JWTSecret, Now: time.Now, Log: b.logOf("auth"),
	})
}

// wireAuth returns the service of users, sessions and keys.
func wireAuth(b base, mail *email.Service) (*auth.Service, error) {
	return auth.New(auth.Deps{
		DB: b.db.DB, Vault: b.vault, Audit: b.audit, Events: b.events,
		JWTSecret:     b.secrets.JWTSecret,
		AdminUsername: b.secrets.AdminUsername, AdminPassword: adminPassword(b),
		Mail: mail, MailboxOn: func(ctx context.Context) (bool, error) {
			where, err := mail.Delivery(ctx)
			return where == email.ToMailbox, err
		},
		BaseURL: b.config.Server.BaseURL, AllowPrivateProviders: b.config.OAuth.AllowPrivateHosts,
		Log: b.logOf("auth"), Now: time.Now,
	})
}

// adminPassword returns a function that reads the administrator's password from
// the secrets file, where another process may have set a new one. While the file
// cannot be read, the last one counts.
func adminPassword(b base) func() string {
	var last atomic.Pointer[string]
	last.Store(&b.secrets.AdminPassword)
	return func() string {
		stored, err := config.AdminPassword(b.config)
		if err == nil && stored != "" {
			last.Store(&stored)
		}
		return *last.Load()
	}
}

// seedAuth stores what a project has from its first start on: its keys, and
// the providers that the environment registers.
func seedAuth(ctx context.Context, b base, s *auth.Service) error {
	if err := s.Seed(ctx, credentials.Seeds{
		APIKey: b.secrets.APIKey, AnonKey: b.secrets.AnonKey,
		BaseURL: b.config.Server.BaseURL, InternalURL: b.config.Server.BaseURL,
		SigningKey: b.signingKey,
	}); err != nil {
		return err
	}
	for _, p := range b.config.OAuth.Providers() {
		// A provider that is set up wrongly must not keep the rest from starting.
		if err := s.SeedOAuth(ctx, []federated.Seed{{Provider: p.Name, ClientID: p.ClientID, ClientSecret: p.ClientSecret}}); err != nil {
			b.log.Error().Err(err).Str("provider", p.Name).Msg("sign-in with a provider was not set up from the environment")
		}
	}
	return nil
}
