package records

import (
	"github.com/insforge/insforge-go/primitives/database/engine"
	"github.com/insforge/insforge-go/primitives/database/engine/request"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// MountPlain registers the routes of plain PostgREST, for its client libraries:
// none of the InsForge API's rules apply below r.
func (s *Service) MountPlain(r rest.Router) {
	every(r, "", rest.LibraryUser, s.handleRoot)
	every(r, "/:tableName", rest.LibraryUser, s.handlePlainTable)
	every(r, "/rpc/:functionName", rest.LibraryUser, s.handlePlainCall)
}

// handleRoot serves "ALL /rest/v1/": the OpenAPI document.
func (s *Service) handleRoot(c rest.Context) error {
	return s.servePlain(c, request.Target{Kind: request.Root})
}

// handlePlainTable serves "ALL /rest/v1/:tableName".
func (s *Service) handlePlainTable(c rest.Context) error {
	return s.servePlain(c, request.Target{Kind: request.Table, Name: rest.Param(c, "tableName")})
}

// handlePlainCall serves "ALL /rest/v1/rpc/:functionName".
func (s *Service) handlePlainCall(c rest.Context) error {
	return s.servePlain(c, request.Target{Kind: request.Function, Name: rest.Param(c, "functionName")})
}

func (s *Service) servePlain(c rest.Context, t request.Target) error {
	return s.serve(c, engine.Target{Target: t, OnSuccess: s.announce})
}
