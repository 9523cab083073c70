package app

import (
	"context"
	"time"

	"github.com/insforge/insforge-go/primitives/auth"
	"github.com/insforge/insforge-go/primitives/email"
	"github.com/insforge/insforge-go/primitives/metadata"
)

// wireMetadata returns the service that describes the project. The services
// that it asks must be there.
func wireMetadata(b base, s services) (*metadata.Service, error) {
	return metadata.New(metadata.Deps{
		Secrets: b.vault, Auth: signIn{s.auth, s.email}, Database: s.database,
		DatabaseURL: b.db.toolDSN(b.config.Postgres, b.secrets),
		ProjectID:   b.config.ProjectID, Version: Version(), Now: time.Now,
	})
}

// signIn is the auth part of the metadata, where clients look for the mail
// settings too.
type signIn struct {
	auth  *auth.Service
	email *email.Service
}

// Describe implements metadata.Source.
func (p signIn) Describe(ctx context.Context) (any, error) {
	users, err := p.auth.Describe(ctx)
	if err != nil {
		return nil, err
	}
	mail, err := p.email.Config(ctx)
	if err != nil {
		return nil, err
	}
	return struct {
		auth.Description
		SMTP email.Config `json:"smtpConfig"`
	}{users, mail}, nil
}
