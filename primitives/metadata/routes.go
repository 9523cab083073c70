package metadata

import (
	"net/http"

	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// The reserved secrets that hold the project's keys.
const (
	apiKeySecret  = "API_KEY"
	anonKeySecret = "ANON_KEY"
)

// Mount registers the routes on r, which is at /api/metadata.
func (s *Service) Mount(r rest.Router) {
	r.GET("/api-key", rest.Admin, s.handleAPIKey)
	r.GET("/anon-key", rest.Admin, s.handleAnonKey)
	r.GET("/project-id", rest.Admin, s.handleProjectID)
}

// handleAPIKey serves "GET /api/metadata/api-key".
func (s *Service) handleAPIKey(c rest.Context) error {
	key, err := s.deps.Secrets.Value(c.Request().Context(), apiKeySecret)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]string{"apiKey": key})
}

// handleAnonKey serves "GET /api/metadata/anon-key".
func (s *Service) handleAnonKey(c rest.Context) error {
	key, err := s.deps.Secrets.Value(c.Request().Context(), anonKeySecret)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]string{"anonKey": key})
}

// handleProjectID serves "GET /api/metadata/project-id".
func (s *Service) handleProjectID(c rest.Context) error {
	var id *string
	if s.deps.ProjectID != "" {
		id = &s.deps.ProjectID
	}
	return c.JSON(http.StatusOK, map[string]*string{"projectId": id})
}
