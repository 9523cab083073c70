package advisor

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// defaultIssues is how many findings a page has unless the request says.
const defaultIssues = 50

// Mount registers the routes; r is at /api/advisor.
func (s *Service) Mount(r rest.Router) {
	r.POST("/scan", rest.Admin, s.handleScan)
	r.GET("/latest", rest.Admin, s.handleLatest)
	r.GET("/issues", rest.Admin, s.handleIssues)
	r.GET("/suppressions", rest.Admin, s.handleSuppressions)
	r.POST("/suppressions", rest.Admin, s.handleSuppress)
	r.DELETE("/suppressions/:id", rest.Admin, s.handleRestore)
}

type scanStarted struct {
	ScanID  string `json:"scanId"`
	Message string `json:"message"`
}

// handleScan serves "POST /api/advisor/scan". It reads no body.
func (s *Service) handleScan(c rest.Context) error {
	id, err := s.Scan(c.Request().Context())
	if err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, scanStarted{ScanID: id, Message: "Scan started"})
}

// handleLatest serves "GET /api/advisor/latest": JSON null before any scan.
func (s *Service) handleLatest(c rest.Context) error {
	latest, err := s.Latest(c.Request().Context())
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, latest)
}

type issueList struct {
	Issues []Issue `json:"issues"`
	Total  int64   `json:"total"`
}

// handleIssues serves "GET /api/advisor/issues".
func (s *Service) handleIssues(c rest.Context) error {
	f, err := readFilter(c)
	if err != nil {
		return err
	}
	issues, total, err := s.Issues(c.Request().Context(), f)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, issueList{Issues: orEmpty(issues), Total: total})
}

type suppressionList struct {
	Suppressions []Suppression `json:"suppressions"`
}

// handleSuppressions serves "GET /api/advisor/suppressions".
func (s *Service) handleSuppressions(c rest.Context) error {
	all, err := s.Suppressions(c.Request().Context())
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, suppressionList{Suppressions: orEmpty(all)})
}

// handleSuppress serves "POST /api/advisor/suppressions".
func (s *Service) handleSuppress(c rest.Context) error {
	n, err := readSuppression(c)
	if err != nil {
		return err
	}
	made, err := s.Suppress(c.Request().Context(), n, identity.From(c.Request().Context()).Actor())
	if err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, made)
}

type restored struct {
	Deleted bool `json:"deleted"`
}

// handleRestore serves "DELETE /api/advisor/suppressions/:id".
func (s *Service) handleRestore(c rest.Context) error {
	id := rest.Param(c, "id")
	if text := rest.UUID(id); text != "" {
		return fault.Invalid("id: " + text).Next("Use the id of an entry of GET /api/advisor/suppressions.")
	}
	if err := s.Restore(c.Request().Context(), id); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, restored{Deleted: true})
}

// orEmpty makes sure of a JSON array.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func readFilter(c rest.Context) (Filter, error) {
	q := parameters{values: c.QueryParams()}
	f := Filter{
		Severity: Severity(q.word("severity", string(Critical), string(Warning), string(Info))),
		Category: Category(q.word("category", string(Security), string(Performance), string(Health))),
		Limit:    q.number("limit", 1, defaultIssues),
		Offset:   q.number("offset", 0, 0),
	}
	if len(q.issues) > 0 {
		return Filter{}, fault.Invalid(strings.Join(q.issues, ", ")).
			Next("Correct the named parameters and send the request again.")
	}
	return f, nil
}

// parameters reads query parameters that may be absent and collects what is wrong.
type parameters struct {
	values map[string][]string
	issues []string
}

// value returns the only value of a parameter.
func (q *parameters) value(name string) (string, bool) {
	all := q.values[name]
	if len(all) > 1 {
		q.issues = append(q.issues, name+": Expected string, received array")
	}
	if len(all) != 1 {
		return "", false
	}
	return all[0], true
}

func (q *parameters) word(name string, allowed ...string) string {
	v, ok := q.value(name)
	if ok && !slices.Contains(allowed, v) {
		q.issues = append(q.issues, name+": Invalid enum value. Expected '"+strings.Join(allowed, "' | '")+"', received '"+v+"'")
	}
	return v
}

func (q *parameters) number(name string, least, fallback int64) int64 {
	v, ok := q.value(name)
	if !ok {
		return fallback
	}
	n, err := strconv.ParseInt(v, 10, 64)
	switch {
	case err != nil:
		q.issues = append(q.issues, name+": Expected integer, received "+strconv.Quote(v))
	case n < least:
		q.issues = append(q.issues, name+": Number must be greater than or equal to "+strconv.FormatInt(least, 10))
	}
	return n
}

func readSuppression(c rest.Context) (NewSuppression, error) {
	f, err := rest.Body(c)
	if err != nil {
		return NewSuppression{}, err
	}
	n := NewSuppression{
		RuleID: f.String("ruleId", rest.MinLength(1), rest.MaxLength(200), rest.NoNUL),
		Scope:  Scope(f.Enum("scope", string(ScopeInstance), string(ScopeRule))),
		Reason: f.Enum("reason", "false_positive", "accepted_risk", "wont_fix", "other"),
	}
	object := f.OptString("affectedObject", rest.MinLength(1), rest.MaxLength(500), rest.NoNUL)
	n.Note = f.OptString("note", rest.MaxLength(1000), rest.NoNUL)
	if n.Scope == ScopeInstance {
		n.AffectedObject = object
		if !f.Has("affectedObject") {
			f.Complain("affectedObject", "Required when scope is 'instance'")
		}
	}
	if n.Reason == "other" && (n.Note == nil || strings.TrimSpace(*n.Note) == "") {
		f.Complain("note", "Required when reason is 'other'")
	}
	return n, f.Err()
}
