package metadata

import (
	"context"
	"errors"
)

// SecretReader returns the value of a secret, or 404 SECRET_NOT_FOUND.
type SecretReader interface {
	Value(ctx context.Context, key string) (string, error)
}

// Deps are what metadata needs from the rest of the product.
type Deps struct {
	Secrets SecretReader
	// ProjectID is empty outside a hosted project.
	ProjectID string
}

// Service answers the routes.
type Service struct{ deps Deps }

// New returns a Service.
func New(d Deps) (*Service, error) {
	if d.Secrets == nil {
		return nil, errors.New("metadata: a dependency is missing")
	}
	return &Service{deps: d}, nil
}
