package app

import (
	"context"

	"github.com/insforge/insforge-go/primitives/auth"
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
	database databaseServices
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
	db := s.database
	return []component{
		{"auth", []mount{{"", s.auth.MountJWKS}, {"/api/auth", s.auth.Mount}}, s.auth.Run},
		{"email", []mount{{"/api/auth", s.email.MountAuth}, {"/api/email", s.email.Mount}}, s.email.Run},
		{"metadata", []mount{{"/api/metadata", s.metadata.Mount}}, nil},
		{"tables", []mount{{"/api/database", db.tables.Mount}}, nil},
		{"catalog", []mount{{"/api/database", db.catalog.Mount}}, nil},
		{"rows", []mount{{"/api/database", db.rows.Mount}}, nil},
		{"rawsql", []mount{{"/api/database", db.rawsql.Mount}}, nil},
		{"changes", []mount{{"/api/database", db.changes.Mount}}, nil},
		{"transfer", []mount{{"/api/database", db.transfer.Mount}}, nil},
		{"records", []mount{{"/api/database", db.records.Mount}, {plainMount, db.records.MountPlain}}, nil},
		{"advisor", []mount{{"/api/advisor", db.advisor.Mount}}, db.advisor.Run},
		{"engine", nil, db.engine.Run},
		{"listener", nil, db.listener.Run},
	}
}

func mountAll(root rest.Router, components []component) {
	for _, c := range components {
		for _, m := range c.mounts {
			m.routes(root.Group(m.path))
		}
	}
}

// formOverhead is what a form may hold beside its file.
const formOverhead = 1 << 20

// bodyLimit is how large the bodies of a path may be where files are sent; 0
// leaves it to the limit of all others. maxFile is the largest file.
func bodyLimit(maxFile int64) func(path string) int64 {
	return func(path string) int64 {
		switch path {
		case "/api/database/advance/import", "/api/database/advance/bulk-upsert":
			return maxFile + formOverhead
		}
		return 0
	}
}
