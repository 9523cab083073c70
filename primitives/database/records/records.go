package records

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"unicode"

	"github.com/insforge/insforge-go/primitives/database/engine"
	"github.com/insforge/insforge-go/primitives/database/engine/request"
	"github.com/insforge/insforge-go/primitives/kernel/events"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// Deps are what records needs from the rest of the product.
type Deps struct {
	Engine *engine.Engine
	Events *events.Bus
}

// Service serves the routes.
type Service struct {
	engine *engine.Engine
	events *events.Bus
}

// New checks and stores.
func New(d Deps) (*Service, error) {
	if d.Engine == nil || d.Events == nil {
		return nil, errors.New("records: engine and events are needed")
	}
	return &Service{engine: d.Engine, events: d.Events}, nil
}

// Mount registers the routes below the database's path.
func (s *Service) Mount(r rest.Router) {
	every(r, "/records/:tableName", rest.User, s.handleRecords)
	every(r, "/rpc/:functionName", rest.User, s.handleCall)
}

// every registers h for all methods that the engine distinguishes. It answers
// those that a target does not support.
func every(r rest.Router, path string, g rest.Gate, h rest.Handler) {
	r.GET(path, g, h)
	r.POST(path, g, h)
	r.PATCH(path, g, h)
	r.PUT(path, g, h)
	r.DELETE(path, g, h)
}

// handleRecords serves "ALL /records/:tableName".
func (s *Service) handleRecords(c rest.Context) error {
	t, err := targetOf(c.Request(), request.Table, rest.Param(c, "tableName"))
	if err != nil {
		return err
	}
	t.StripEmpty = true
	t.EmptyBody = "[]"
	t.OKWithoutRows = true
	t.OnSuccess = s.announce
	return s.serve(c, t)
}

// handleCall serves "ALL /rpc/:functionName".
func (s *Service) handleCall(c rest.Context) error {
	t, err := targetOf(c.Request(), request.Function, rest.Param(c, "functionName"))
	if err != nil {
		return err
	}
	t.EmptyBody = "null"
	return s.serve(c, t)
}

func (s *Service) serve(c rest.Context, t engine.Target) error {
	err := s.engine.Serve(c.Response(), c.Request(), t)
	var tooLarge *http.MaxBytesError
	var noDocument *engine.BodyError
	switch {
	case errors.As(err, &tooLarge):
		return rest.TooLarge(err)
	case errors.As(err, &noDocument):
		return rest.NotJSON(noDocument.Body).Next("Send a JSON object, or an array of them, in the body.")
	}
	return err
}

func (s *Service) announce(d engine.Done) {
	switch d.Kind {
	case request.Create, request.Update, request.Upsert, request.Delete:
		s.events.Publish(events.DataUpdate{
			Resource: events.Database,
			Changes:  []events.Change{{Type: "records", Name: d.Schema + "." + d.Name}},
		})
	}
}

const defaultSchema = "public"

// targetOf applies the rules of names and takes the schema parameter out of the
// query string, which is otherwise left as sent: a client repeats a key to
// filter one column twice.
func targetOf(r *http.Request, kind request.TargetKind, name string) (engine.Target, error) {
	if err := checkName(name); err != nil {
		return engine.Target{}, err
	}
	schema, query, err := takeSchema(r.URL.RawQuery)
	if err != nil {
		return engine.Target{}, err
	}
	if schema == "" {
		schema = profile(r)
	}
	return engine.Target{
		Target: request.Target{Kind: kind, Name: name},
		Schema: schema, Query: query, HasQuery: true, JSONOnly: true,
	}, nil
}

func checkName(name string) error {
	if name != "" && !hasBadCharacter(name) {
		return nil
	}
	return fault.New(http.StatusBadRequest, fault.DatabaseValidationError,
		"The name must not be empty or contain quotes or control characters.").
		Next("Use the name as it is in the database, without quotes around it.")
}

func hasBadCharacter(name string) bool {
	return strings.ContainsRune(name, '"') || strings.ContainsFunc(name, unicode.IsControl)
}

// takeSchema splits the parameter schema off a raw query string.
func takeSchema(raw string) (schema, rest string, err error) {
	if !strings.Contains(raw, "schema") && !strings.Contains(raw, "%") {
		return "", raw, nil
	}
	var kept []string
	found := 0
	for part := range strings.SplitSeq(raw, "&") {
		key, value, _ := strings.Cut(part, "=")
		if decoded, err := url.QueryUnescape(key); err != nil || decoded != "schema" {
			kept = append(kept, part)
			continue
		}
		found++
		if schema, err = url.QueryUnescape(value); err != nil {
			return "", "", fault.Invalid("The schema parameter cannot be read.")
		}
	}
	if found == 0 {
		return "", raw, nil
	}
	return schema, strings.Join(kept, "&"), checkSchema(schema, found)
}

func checkSchema(schema string, times int) error {
	switch {
	case times > 1:
		return fault.Invalid("The schema parameter must be given once.")
	case strings.TrimSpace(schema) == "":
		return fault.Invalid("The schema parameter must not be blank.").Next("Leave it out for the schema public.")
	case hasBadCharacter(schema):
		return fault.New(http.StatusBadRequest, fault.DatabaseValidationError,
			"The schema's name must not contain quotes or control characters.")
	case strings.HasPrefix(schema, "pg_") || schema == "information_schema":
		return fault.Invalid("The schema " + schema + " belongs to Postgres and is not served.")
	}
	return nil
}

// profile is the schema that the client's own profile header names.
func profile(r *http.Request) string {
	name := "Content-Profile"
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		name = "Accept-Profile"
	}
	if schema := r.Header.Get(name); schema != "" {
		return schema
	}
	return defaultSchema
}
