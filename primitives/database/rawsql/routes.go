package rawsql

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// Mount registers the routes; r is at /api/database.
func (s *Service) Mount(r rest.Router) {
	r.POST("/advance/rawsql", rest.Admin, s.handle(false))
	r.POST("/advance/rawsql/unrestricted", rest.Admin, s.handle(true))
}

// handle serves "POST /api/database/advance/rawsql" and, as root, "POST
// /api/database/advance/rawsql/unrestricted".
func (s *Service) handle(root bool) rest.Handler {
	return func(c rest.Context) error {
		q, err := readQuery(c)
		if err != nil {
			return err
		}
		q.Root = root
		result, err := s.Run(c.Request().Context(), q)
		if err != nil {
			return err
		}
		defer result.Close()
		header := c.Response().Header()
		header.Set("Content-Type", "application/json; charset=utf-8")
		header.Set("Content-Length", strconv.FormatInt(result.Len(), 10))
		c.Response().WriteHeader(http.StatusOK)
		_, err = result.WriteTo(c.Response())
		return err
	}
}

func readQuery(c rest.Context) (Query, error) {
	f, err := rest.Body(c)
	if err != nil {
		return Query{}, err
	}
	q := Query{SQL: f.String("query", rest.MinLength(1), rest.NoNUL)}
	if f.Has("params") {
		if raw := f.Raw("params"); raw[0] != '[' {
			f.Complain("params", "Expected array, received "+kind(raw))
		} else if err := json.Unmarshal(raw, &q.Params); err != nil {
			return Query{}, err // the body was valid JSON
		}
	}
	if explain := f.OptBool("explain"); explain != nil {
		q.Explain = *explain
	}
	return q, f.Err()
}

// kind names the JSON type of a value that is not an array.
func kind(raw json.RawMessage) string {
	switch raw[0] {
	case '{':
		return "object"
	case '"':
		return "string"
	case 't', 'f':
		return "boolean"
	case 'n':
		return "null"
	}
	return "number"
}
