package app

import "github.com/insforge/insforge-go/primitives/kernel/rest"

// plainMount is where client libraries of PostgREST are pointed to.
const plainMount = "/rest/v1"

// mount is the list of what serves which part of the interface. Each line
// leads to the routes.go of a primitive.
func (s services) mount(root rest.Router) {
	s.auth.MountJWKS(root)
	s.auth.Mount(root.Group("/api/auth"))
	s.metadata.Mount(root.Group("/api/metadata"))

	database := root.Group("/api/database")
	s.tables.Mount(database)
	s.catalog.Mount(database)
	s.rows.Mount(database)
	s.rawsql.Mount(database)
	s.changes.Mount(database)
	s.records.Mount(database)
	s.advisor.Mount(root.Group("/api/advisor"))
	s.records.MountPlain(root.Group(plainMount))
}
