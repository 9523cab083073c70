package app

import (
	"context"

	"github.com/insforge/insforge-go/primitives/auth"
	"github.com/insforge/insforge-go/primitives/database"
	"github.com/insforge/insforge-go/primitives/email"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
	"github.com/insforge/insforge-go/primitives/metadata"
)

// plainMount is where client libraries of PostgREST are pointed to.
const plainMount = "/rest/v1"

// services are the primitives, each built by its wire_<area>.go.
type services struct {
	auth     *auth.Service
	email    *email.Service
	database *database.Service
	metadata *metadata.Service
}

// component is one part of the product: what logs and errors call it, the
// routes that it serves and the background work that it does.
type component struct {
	name   string
	mounts []mount
	run    func(context.Context) error // nil without background work
}

// mount is a path and what registers the routes below it.
type mount struct {
	path   string
	routes func(rest.Router)
}

// components is the product as one list. Each mount leads to the routes.go of
// a primitive.
func (s services) components() []component {
	return []component{
		{"auth", []mount{{"", s.auth.MountJWKS}, {"/api/auth", s.auth.Mount}}, s.auth.Run},
		{"email", []mount{{"/api/auth", s.email.MountAuth}, {"/api/email", s.email.Mount}}, s.email.Run},
		{"metadata", []mount{{"/api/metadata", s.metadata.Mount}}, nil},
		{"database", []mount{
			{"/api/database", s.database.Mount}, {"/api/advisor", s.database.MountAdvisor}, {plainMount, s.database.MountPlain},
		}, s.database.Run},
	}
}

func mountAll(root rest.Router, components []component) {
	for _, c := range components {
		for _, m := range c.mounts {
			m.routes(root.Group(m.path))
		}
	}
}
