package app

import "github.com/insforge/insforge-go/primitives/kernel/rest"

// plainMount is where client libraries of PostgREST are pointed to.
const plainMount = "/rest/v1"

// mount is the list of what serves which part of the interface. Each line
// leads to the routes.go of a primitive.
func (s services) mount(root rest.Router) {
	s.auth.MountJWKS(root)
	s.auth.Mount(root.Group("/api/auth"))
	s.email.MountAuth(root.Group("/api/auth"))
	s.email.Mount(root.Group("/api/email"))
	s.metadata.Mount(root.Group("/api/metadata"))

	database := root.Group("/api/database")
	s.tables.Mount(database)
	s.catalog.Mount(database)
	s.rows.Mount(database)
	s.rawsql.Mount(database)
	s.changes.Mount(database)
	s.transfer.Mount(database)
	s.records.Mount(database)
	s.advisor.Mount(root.Group("/api/advisor"))
	s.records.MountPlain(root.Group(plainMount))
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
