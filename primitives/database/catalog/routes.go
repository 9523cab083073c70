package catalog

import (
	"context"
	"net/http"

	"github.com/insforge/insforge-go/primitives/database/naming"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// Mount registers the routes; r is at /api/database.
func (s *Service) Mount(r rest.Router) {
	r.GET("/schemas", rest.Admin, s.handleSchemas)
	r.GET("/functions", rest.Admin, listing("functions", s.Functions))
	r.GET("/indexes", rest.Admin, listing("indexes", s.Indexes))
	r.GET("/policies", rest.Admin, listing("policies", s.Policies))
	r.GET("/triggers", rest.Admin, listing("triggers", s.Triggers))
}

// handleSchemas serves "GET /api/database/schemas".
func (s *Service) handleSchemas(c rest.Context) error {
	schemas, err := s.Schemas(c.Request().Context())
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string][]Schema{"schemas": schemas})
}

// listing serves a list of a schema's objects as the member name of an object.
func listing[T any](name string, list func(context.Context, naming.Name) ([]T, error)) rest.Handler {
	return func(c rest.Context) error {
		schema, err := naming.SchemaOf(c)
		if err != nil {
			return err
		}
		found, err := list(c.Request().Context(), schema)
		if err != nil {
			return err
		}
		return c.JSON(http.StatusOK, map[string][]T{name: found})
	}
}
