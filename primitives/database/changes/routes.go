package changes

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// Mount registers the routes; r is at /api/database. Dry runs are limited
// behind their gate: only administrators use up the budget of an address.
func (s *Service) Mount(r rest.Router) {
	r.GET("/migrations", rest.Admin, s.handleList)
	r.POST("/migrations", rest.Admin, s.handleApply)
	r.POST("/migrations/dry-run", rest.Admin, s.dryRuns.Middleware(s.handleDryRun))
}

// handleList serves "GET /api/database/migrations". Clients that do
// not ask for a page expect all migrations.
func (s *Service) handleList(c rest.Context) error {
	var page Page
	var err error
	if page.Limit, err = number(c, "limit", 1); err != nil {
		return err
	}
	if page.Offset, err = number(c, "offset", 0); err != nil {
		return err
	}
	list := listWriter{to: c.Response()}
	if err := s.List(c.Request().Context(), page, list.add); err != nil {
		return err
	}
	return list.end()
}

// number returns a parameter of the query string, zero for none, or 400
// INVALID_INPUT.
func number(c rest.Context, name string, least int64) (int64, error) {
	text := c.QueryParam(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < least {
		return 0, fault.Invalid(fmt.Sprintf("%s: must be an integer of at least %d", name, least))
	}
	return n, nil
}

// listWriter writes migrations as they come. The answer begins with the first,
// so that a failure before it has its own status.
type listWriter struct {
	to    http.ResponseWriter
	begun bool
}

func (w *listWriter) add(m Migration) error {
	before := ","
	if !w.begun {
		before = w.begin()
	}
	if _, err := io.WriteString(w.to, before); err != nil {
		return err
	}
	e := json.NewEncoder(w.to)
	e.SetEscapeHTML(false)
	return e.Encode(m)
}

// begin returns what comes before the first migration.
func (w *listWriter) begin() string {
	w.begun = true
	w.to.Header().Set("Content-Type", "application/json")
	return `{"migrations":[`
}

func (w *listWriter) end() error {
	after := "]}\n"
	if !w.begun {
		after = w.begin() + after
	}
	_, err := io.WriteString(w.to, after)
	return err
}

var (
	versionRule = regexp.MustCompile(`^[0-9]{1,64}$`)
	nameRule    = regexp.MustCompile(`^[a-z0-9_-]+$`)
)

func validVersion(s string) string {
	if !versionRule.MatchString(s) {
		return "Migration version must be a number of 1 to 64 digits"
	}
	return ""
}

func validName(s string) string {
	if !nameRule.MatchString(s) {
		return "Migration name must be made of lower-case letters a to z, digits, hyphens and underscores"
	}
	return ""
}

type applied struct {
	Migration
	Message string `json:"message"`
}

// handleApply serves "POST /api/database/migrations".
func (s *Service) handleApply(c rest.Context) error {
	f, err := rest.Body(c)
	if err != nil {
		return err
	}
	version := f.String("version", validVersion)
	name := strings.TrimSpace(f.String("name", rest.Trimmed(validName)))
	sql := f.String("sql", rest.MinLength(1), rest.NoNUL)
	if err := f.Err(); err != nil {
		return withoutLonePath(err)
	}
	m, err := s.Apply(c.Request().Context(), version, name, sql)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, applied{m, "Migration executed successfully"})
}

// handleDryRun serves "POST /api/database/migrations/dry-run".
func (s *Service) handleDryRun(c rest.Context) error {
	f, err := rest.Body(c)
	if err != nil {
		return err
	}
	sql := f.String("sql", rest.NoNUL)
	if err := f.Err(); err != nil {
		return withoutLonePath(err)
	}
	report, err := s.DryRun(c.Request().Context(), sql)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, report)
}

// withoutLonePath removes the path from a complaint that is the only one, as
// clients of these routes expect. No complaint contains a member's name with a
// colon itself.
func withoutLonePath(err error) error {
	f, ok := err.(*fault.Error)
	if !ok {
		return err
	}
	complaints, lone := 0, ""
	for _, name := range []string{"version: ", "name: ", "sql: "} {
		if strings.HasPrefix(f.Message, name) || strings.Contains(f.Message, ", "+name) {
			complaints++
			lone = name
		}
	}
	if complaints != 1 {
		return err
	}
	return fault.Invalid(strings.TrimPrefix(f.Message, lone)).Next(f.NextActions)
}
