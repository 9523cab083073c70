package metadata

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// The reserved secrets that hold the project's keys.
const (
	apiKeySecret  = "API_KEY"
	anonKeySecret = "ANON_KEY"
)

// Mount registers the routes on r, which is at /api/metadata.
func (s *Service) Mount(r rest.Router) {
	r.GET("", rest.Admin, s.handleProject)
	r.GET("/auth", rest.Admin, part(s.auth))
	r.GET("/database", rest.Admin, s.handleDatabase)
	r.GET("/storage", rest.Admin, part(s.storage))
	r.GET("/functions", rest.Admin, part(s.functions))
	r.GET("/realtime", rest.Admin, part(s.realtime))
	r.GET("/api-key", rest.Admin, s.handleAPIKey)
	r.GET("/anon-key", rest.Admin, s.handleAnonKey)
	r.GET("/project-id", rest.Admin, s.handleProjectID)
	r.GET("/database-connection-string", rest.Admin, s.handleConnection)
	r.GET("/database-password", rest.Admin, s.handlePassword)
	r.GET("/:tableName", rest.Admin, s.handleTable) // last: the words above are not tables
}

// handleProject serves "GET /api/metadata".
func (s *Service) handleProject(c rest.Context) error {
	formats := c.QueryParams()["format"]
	markdown := len(formats) == 1 && formats[0] == "markdown"
	if len(formats) > 0 && !markdown && (len(formats) > 1 || formats[0] != "json") {
		return fault.Invalid("format: Invalid enum value. Expected 'json' | 'markdown'")
	}
	p, err := s.describe(c.Request().Context())
	if err != nil {
		return err
	}
	if !markdown {
		return c.JSON(http.StatusOK, p)
	}
	text, err := render(p)
	if err != nil {
		return err
	}
	return c.Blob(http.StatusOK, "text/markdown; charset=utf-8", text)
}

// part serves one part of the project.
func part(get func(context.Context) (any, error)) rest.Handler {
	return func(c rest.Context) error {
		p, err := get(c.Request().Context())
		if err != nil {
			return err
		}
		if p == nil {
			return absent()
		}
		return c.JSON(http.StatusOK, p)
	}
}

func absent() *fault.Error {
	return fault.New(http.StatusNotFound, fault.NotFound, "This part of the project is not available on this server")
}

// handleDatabase serves "GET /api/metadata/database".
func (s *Service) handleDatabase(c rest.Context) error {
	if s.deps.Database == nil {
		return absent()
	}
	p, err := s.database(c.Request().Context())
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, p)
}

// handleAPIKey serves "GET /api/metadata/api-key".
func (s *Service) handleAPIKey(c rest.Context) error {
	return s.key(c, apiKeySecret, "apiKey")
}

// handleAnonKey serves "GET /api/metadata/anon-key".
func (s *Service) handleAnonKey(c rest.Context) error {
	return s.key(c, anonKeySecret, "anonKey")
}

func (s *Service) key(c rest.Context, secret, name string) error {
	key, err := s.deps.Secrets.Value(c.Request().Context(), secret)
	if err != nil {
		return err
	}
	return confidential(c, map[string]string{name: key})
}

// confidential answers with what no cache may keep.
func confidential(c rest.Context, body any) error {
	c.Response().Header().Set("Cache-Control", "no-store")
	return c.JSON(http.StatusOK, body)
}

// handleProjectID serves "GET /api/metadata/project-id".
func (s *Service) handleProjectID(c rest.Context) error {
	var id *string
	if s.deps.ProjectID != "" {
		id = &s.deps.ProjectID
	}
	return c.JSON(http.StatusOK, map[string]*string{"projectId": id})
}

// handleConnection serves "GET /api/metadata/database-connection-string".
func (s *Service) handleConnection(c rest.Context) error {
	conn, err := s.connection()
	if err != nil {
		return err
	}
	return confidential(c, conn)
}

// handlePassword serves "GET /api/metadata/database-password".
func (s *Service) handlePassword(c rest.Context) error {
	conn, err := s.connection()
	if err != nil {
		return err
	}
	return confidential(c, map[string]string{"databasePassword": conn.Parameters.Password})
}

// connection returns 500 INTERNAL_ERROR where the database's address is hidden.
func (s *Service) connection() (connection, error) {
	if s.deps.DatabaseURL == "" {
		return connection{}, fault.Internal(errors.New("metadata: the database's address must not be revealed"))
	}
	return parseConnection(s.deps.DatabaseURL)
}

// handleTable serves "GET /api/metadata/:tableName".
func (s *Service) handleTable(c rest.Context) error {
	if s.deps.Database == nil {
		return absent()
	}
	name := rest.Param(c, "tableName")
	definition, err := s.deps.Database.TableDefinition(c.Request().Context(), name)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]json.RawMessage{name: definition})
}
