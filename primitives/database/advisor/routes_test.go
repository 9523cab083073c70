package advisor_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/insforge/insforge-go/primitives/database/advisor"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
)

func TestOnlyAdministratorsMayCall(t *testing.T) {
	t.Parallel()
	p := start(t, advisor.Deps{})
	for _, route := range [][2]string{
		{"POST", "/scan"}, {"GET", "/latest"}, {"GET", "/issues"}, {"GET", "/suppressions"}, {"POST", "/suppressions"},
		{"DELETE", "/suppressions/11111111-1111-4111-8111-111111111111"},
	} {
		p.OnlyAdmins(route[0], route[1], "")
	}
	if s := p.latest(); s != nil {
		t.Errorf("got %+v, want no scan by those who may not", s)
	}
}

func TestUsersCannotReadTheTablesAndAdministratorsCannotWriteThem(t *testing.T) {
	t.Parallel()
	p := start(t, advisor.Deps{})
	as := func(who identity.Principal, sql string) error {
		ctx := identity.With(context.Background(), who)
		return p.db.As(ctx, func(tx pg.Tx) error {
			_, err := tx.Exec(ctx, sql)
			return err
		})
	}
	admin := identity.NewAdmin(identity.APIKey, "")
	for _, table := range []string{"advisor_scans", "advisor_findings", "advisor_suppressions"} {
		if err := as(admin, `SELECT * FROM system.`+table); err != nil {
			t.Errorf("an administrator reads %s: %v", table, err)
		}
		if err := as(admin, `DELETE FROM system.`+table); pg.State(err) != "42501" {
			t.Errorf("an administrator writes %s: got %v, want 42501", table, err)
		}
		if err := as(identity.Anonymous(identity.AnonKey), `SELECT * FROM system.`+table); pg.State(err) != "42501" {
			t.Errorf("anon reads %s: got %v, want 42501", table, err)
		}
	}
	if err := as(identity.Anonymous(identity.AnonKey), `SELECT * FROM system.pg_stat_statements`); pg.State(err) != "42501" {
		t.Errorf("anon reads the statements of others: got %v, want 42501", err)
	}
}

func TestBeforeTheFirstScanThereIsNothing(t *testing.T) {
	t.Parallel()
	p := start(t, advisor.Deps{})
	for path, want := range map[string]string{
		"/latest": "null", "/issues": `{"issues":[],"total":0}`, "/suppressions": `{"suppressions":[]}`,
	} {
		if a := p.Call("GET", path, ""); a.Status != 200 || a.Text != want {
			t.Errorf("%s: got %d %s, want 200 %s", path, a.Status, a.Text, want)
		}
	}
}

// twoFindings has one critical finding of security, public.t, and one of
// performance, public.child.k.
const twoFindings = `
	CREATE TABLE public.t (id int PRIMARY KEY);
	CREATE TABLE public.child (t int CONSTRAINT k REFERENCES public.t);
	ALTER TABLE public.child ENABLE ROW LEVEL SECURITY;
	REVOKE ALL ON public.child FROM anon, authenticated;`

func TestFindingsAreListedByWhatIsAskedFor(t *testing.T) {
	t.Parallel()
	p := start(t, advisor.Deps{})
	p.exec(twoFindings)
	p.scan()
	list := func(query string) (rules []string, total int) {
		page := get[struct {
			Issues []issue
			Total  int
		}](p, "GET", "/issues"+query, "", 200)
		for _, i := range page.Issues {
			rules = append(rules, i.RuleID)
		}
		return rules, page.Total
	}
	for _, c := range []struct {
		query string
		want  []string
		total int
	}{
		{"", []string{"rls-disabled", "missing-fk-index"}, 2},
		{"?limit=1", []string{"rls-disabled"}, 2},
		{"?limit=1&offset=1", []string{"missing-fk-index"}, 2},
		{"?offset=5", nil, 2},
		{"?severity=warning", []string{"missing-fk-index"}, 1},
		{"?severity=info", nil, 0},
		{"?category=security&severity=critical", []string{"rls-disabled"}, 1},
		{"?category=health", nil, 0},
		{"?limit=9223372036854775807&unknown=1", []string{"rls-disabled", "missing-fk-index"}, 2},
	} {
		if got, total := list(c.query); !slices.Equal(got, c.want) || total != c.total {
			t.Errorf("%s: got %v of %d, want %v of %d", c.query, got, total, c.want, c.total)
		}
	}
	text := p.Call("GET", "/issues?limit=1", "").Text
	for _, member := range []string{"id", "ruleId", "severity", "category", "title", "description", "affectedObject", "recommendation"} {
		if !strings.Contains(text, `"`+member+`":"`) {
			t.Errorf("got %s, want a member %s", text, member)
		}
	}
	if s := p.latest(); s.Status != "completed" || s.Summary.Total != 2 || s.Summary.Critical != 1 || s.Summary.Warning != 1 || s.Summary.Info != 0 || s.ScannedAt.IsZero() {
		t.Errorf("got %+v, want the counts", s)
	}
}

func TestBadParametersAreRefused(t *testing.T) {
	t.Parallel()
	p := start(t, advisor.Deps{})
	for _, query := range []string{
		"severity=high", "severity=", "severity=critical&severity=info", "category=Security", "limit=0", "limit=-1", "limit=x", "limit=1.5", "limit=",
		"limit=9223372036854775808", "offset=-1", "offset=%00", "offset=1&offset=2",
	} {
		name, _, _ := strings.Cut(query, "=")
		p.refused("GET", "/issues?"+query, "", 400, fault.InvalidInput, name+": ")
	}
}

func TestAFailedScanKeepsTheFindingsOfTheOneBefore(t *testing.T) {
	t.Parallel()
	p := start(t, advisor.Deps{})
	p.exec(twoFindings)
	p.scan()
	p.exec(`INSERT INTO system.advisor_scans (status, error_message) VALUES ('failed', 'broken')`)
	if s := p.latest(); s.Status != "failed" || *s.ErrorMessage != "broken" || s.Summary.Total != 2 {
		t.Errorf("got %+v, want the failed scan with the counts of the completed one", s)
	}
}

type suppression struct {
	ID, RuleID, Scope, Reason, CreatedAt string
	AffectedObject, Note, CreatedBy      *string
	Title, Severity, Category            *string
}

func text(s *string) string {
	if s == nil {
		return "<none>"
	}
	return *s
}

func TestWhatIsIgnoredIsNeitherCountedNorListedUntilItIsRestored(t *testing.T) {
	t.Parallel()
	p := start(t, advisor.Deps{})
	p.exec(twoFindings)
	p.scan()
	made := get[suppression](p, "POST", "/suppressions", `{"ruleId":"rls-disabled","scope":"instance","affectedObject":"public.t","reason":"other","note":"a catalogue"}`, 201)
	if made.ID == "" || made.RuleID != "rls-disabled" || made.Scope != "instance" || made.Reason != "other" || text(made.AffectedObject) != "public.t" ||
		text(made.Note) != "a catalogue" || text(made.CreatedBy) != "local:admin" || !strings.HasSuffix(made.CreatedAt, "Z") || made.Title != nil {
		t.Errorf("got %+v, want what was asked for", made)
	}
	whole := get[suppression](p, "POST", "/suppressions", `{"ruleId":"missing-fk-index","scope":"rule","reason":"wont_fix"}`, 201)
	if whole.AffectedObject != nil || whole.Note != nil {
		t.Errorf("got %+v, want no object and no note", whole)
	}
	get[suppression](p, "POST", "/suppressions", `{"ruleId":"dead-tuples","scope":"instance","affectedObject":"public.t","reason":"accepted_risk"}`, 201)
	get[suppression](p, "POST", "/suppressions", `{"ruleId":"of another version","scope":"rule","affectedObject":"left out","reason":"false_positive"}`, 201)
	if s := p.latest(); s.Summary.Total != 0 {
		t.Errorf("got %+v, want nothing", s.Summary)
	}

	list := get[struct{ Suppressions []suppression }](p, "GET", "/suppressions", "", 200).Suppressions
	var got []string
	for _, s := range list {
		got = append(got, strings.Join([]string{s.RuleID, text(s.AffectedObject), text(s.Title), text(s.Severity), text(s.Category)}, " | "))
	}
	want := []string{
		"of another version | <none> | <none> | <none> | <none>",
		"dead-tuples | public.t | Many dead rows | info | health",
		"missing-fk-index | <none> | A foreign key has no index | warning | performance",
		"rls-disabled | public.t | Row-level security is off | critical | security",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("unexpected list (-want +got):\n%s", diff)
	}

	if found := of(p.scan(), "rls-disabled"); found != nil {
		t.Errorf("after another scan, got %v, want it still ignored", found)
	}
	if body := p.Call("DELETE", "/suppressions/"+made.ID, "").Text; body != `{"deleted":true}` {
		t.Errorf("got %s, want it deleted", body)
	}
	if s := p.latest(); s.Summary.Total != 1 || s.Summary.Critical != 1 {
		t.Errorf("got %+v, want the finding back", s.Summary)
	}
	p.refused("DELETE", "/suppressions/"+made.ID, "", 404, fault.NotFound, "not found")
}

func TestOneObjectIsIgnoredUnderOneRuleOnly(t *testing.T) {
	t.Parallel()
	p := start(t, advisor.Deps{})
	p.exec(`CREATE TABLE public.a (id int); CREATE TABLE public.b (id int);`)
	get[suppression](p, "POST", "/suppressions", `{"ruleId":"rls-disabled","scope":"instance","affectedObject":"public.a","reason":"accepted_risk"}`, 201)
	get[suppression](p, "POST", "/suppressions", `{"ruleId":"rls-no-policy","scope":"instance","affectedObject":"public.b","reason":"accepted_risk"}`, 201)
	if got := of(p.scan(), "rls-disabled"); !slices.Equal(got, []string{"critical public.b"}) {
		t.Errorf("got %v, want the other table", got)
	}
}

func TestBadSuppressionsAreRefused(t *testing.T) {
	t.Parallel()
	p := start(t, advisor.Deps{})
	for body, part := range map[string]string{
		``:   "ruleId: Required, scope: Required, reason: Required",
		`{}`: "ruleId: Required",
		`[]`: "Expected object",
		`{`:  "JSON",
		`{"ruleId":"","scope":"rule","reason":"wont_fix"}`:                                                          "ruleId: String must contain at least 1",
		`{"ruleId":"` + strings.Repeat("r", 201) + `","scope":"rule","reason":"wont_fix"}`:                          "ruleId: String must contain at most 200",
		`{"ruleId":7,"scope":"rule","reason":"wont_fix"}`:                                                           "ruleId: Expected string",
		`{"ruleId":"r\u0000","scope":"rule","reason":"wont_fix"}`:                                                   "ruleId: String must not contain NUL",
		`{"ruleId":"r","scope":"all","reason":"wont_fix"}`:                                                          "scope: Invalid enum value",
		`{"ruleId":"r","scope":"rule","reason":"because"}`:                                                          "reason: Invalid enum value",
		`{"ruleId":"r","scope":"instance","reason":"wont_fix"}`:                                                     "affectedObject: Required",
		`{"ruleId":"r","scope":"instance","affectedObject":"","reason":"wont_fix"}`:                                 "affectedObject: String must contain at least 1",
		`{"ruleId":"r","scope":"instance","affectedObject":"` + strings.Repeat("o", 501) + `","reason":"wont_fix"}`: "affectedObject: String must contain at most 500",
		`{"ruleId":"r","scope":"rule","reason":"other"}`:                                                            "note: Required",
		`{"ruleId":"r","scope":"rule","reason":"other","note":"  "}`:                                                "note: Required",
		`{"ruleId":"r","scope":"rule","reason":"wont_fix","note":"` + strings.Repeat("n", 1001) + `"}`:              "note: String must contain at most 1000",
		`{"ruleId":"r","scope":"instance","affectedObject":["public.t"],"reason":"wont_fix"}`:                       "affectedObject: Expected string",
	} {
		p.refused("POST", "/suppressions", body, 400, fault.InvalidInput, part)
	}
	for _, id := range []string{"x", "11111111-1111-4111-8111-11111111111g", "%7B11111111-1111-4111-8111-111111111111%7D", "'%20OR%20true--"} {
		p.refused("DELETE", "/suppressions/"+id, "", 400, fault.InvalidInput, "id: Invalid uuid")
	}
	p.refused("DELETE", "/suppressions/11111111-1111-4111-8111-111111111111", "", 404, fault.NotFound, "not found")
	if list := p.Call("GET", "/suppressions", "").Text; list != `{"suppressions":[]}` {
		t.Errorf("got %s, want nothing stored", list)
	}
}

func TestTheSameIsIgnoredOnce(t *testing.T) {
	t.Parallel()
	p := start(t, advisor.Deps{})
	for _, body := range []string{
		`{"ruleId":"r","scope":"rule","reason":"wont_fix"}`,
		`{"ruleId":"r","scope":"instance","affectedObject":" Verbatim \"x\" ","reason":"wont_fix"}`,
	} {
		get[suppression](p, "POST", "/suppressions", body, 201)
		p.refused("POST", "/suppressions", body, 409, fault.DatabaseDuplicate, "already")
	}
}
