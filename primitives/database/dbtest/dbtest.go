// Package dbtest is what tests of the database's routes share: callers with a
// credential of each kind, the error envelope in short, and requests whose
// answers are compared as JSON. The test mounts the routes:
//
//	e := echo.New()
//	e.HTTPErrorHandler = dbtest.WriteError
//	service.Mount(rest.NewRouter(e.Group(dbtest.Prefix), dbtest.Callers{}))
//	p := dbtest.New(t, db, e)
package dbtest

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/insforge/insforge-go/primitives/kernel/events"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
	"github.com/jackc/pgx/v5"
)

// Prefix is where the routes are mounted.
const Prefix = "/api/database"

// The credentials that Callers knows, as the Authorization header.
const (
	AdminToken = "Bearer admin.access.token"
	UserToken  = "Bearer user.access.token"
	AnonKey    = "Bearer anon_test"
	APIKey     = "Bearer ik_test"
)

// AdminActor is how the audit log names the holder of AdminToken.
const AdminActor = "local:admin"

// UserID is the user that UserToken belongs to.
const UserID = "11111111-1111-4111-8111-111111111111"

// Callers knows one credential of each kind.
type Callers struct{}

// APIKey implements rest.Authenticator.
func (Callers) APIKey(_ context.Context, key string) (identity.Principal, error) {
	if "Bearer "+key != APIKey {
		return identity.Principal{}, fault.New(http.StatusUnauthorized, fault.AuthInvalidAPIKey, "Invalid API key")
	}
	return identity.NewAdmin(identity.APIKey, ""), nil
}

// AnonKey implements rest.Authenticator.
func (Callers) AnonKey(context.Context, string) (identity.Principal, error) {
	return identity.Anonymous(identity.AnonKey), nil
}

// AccessToken implements rest.Authenticator.
func (Callers) AccessToken(_ context.Context, token string) (identity.Principal, error) {
	switch "Bearer " + token {
	case AdminToken:
		return identity.NewAdmin(identity.Admin, AdminActor), nil
	case UserToken:
		return identity.NewUser(UserID, "u@example.com", nil), nil
	}
	return identity.Principal{}, fault.New(http.StatusUnauthorized, fault.AuthUnauthorized, "Invalid token")
}

// WriteError is the error envelope in short.
func WriteError(err error, c rest.Context) {
	var f *fault.Error
	if !errors.As(err, &f) {
		if f = pg.Fault(err); f == nil {
			f = fault.New(http.StatusInternalServerError, fault.InternalError, err.Error())
		}
	}
	_ = c.JSON(f.Status, map[string]any{"error": f.Code, "message": f.Message, "nextActions": f.NextActions})
}

// LeavesLimits is SQL that leaves limits of time and other settings, and fails
// if they are in force at the commit, when it can look: in code that was
// deferred once more.
const LeavesLimits = `
	CREATE TABLE public.late (n int);
	CREATE FUNCTION public.late() RETURNS trigger LANGUAGE plpgsql AS $f$
	BEGIN
	  IF NEW.n = 1 THEN
	    SET CONSTRAINTS ALL DEFERRED;
	    INSERT INTO public.late VALUES (2);
	    EXECUTE 'SET statement_timeout = ''1h''';
	  ELSIF current_setting('statement_timeout') = '1h' OR current_setting('lock_timeout') = '1h' OR current_setting('work_mem') = '77MB' THEN
	    RAISE EXCEPTION 'the commit has the settings of the SQL';
	  END IF;
	  RETURN NULL;
	END $f$;
	CREATE CONSTRAINT TRIGGER late AFTER INSERT ON public.late DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.late();
	INSERT INTO public.late VALUES (1);
	SET lock_timeout = '1h'; SET work_mem = '77MB'`

// LimitsItself is SQL that a limit of its own ends.
const LimitsItself = `DO $$ BEGIN EXECUTE 'SET statement_timeout = 1'; END $$; SELECT pg_sleep(600)`

// MakesPartition is SQL that makes a table of the name with row-level security
// and gives it a partition, <name>_1.
func MakesPartition(name string) string {
	return strings.ReplaceAll(`CREATE TABLE public.t (id int) PARTITION BY RANGE (id); ALTER TABLE public.t ENABLE ROW LEVEL SECURITY;
		CREATE TABLE public.t_1 PARTITION OF public.t FOR VALUES FROM (1) TO (2);`, "public.t", "public."+name)
}

// RowSecurity complains unless row-level security is on for a table of schema
// public.
func (p Product) RowSecurity(table string) {
	p.T.Helper()
	if !Value[bool](p, `SELECT relrowsecurity FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname = $1`, table) {
		p.T.Errorf("row-level security of %s is off", table)
	}
}

// Product is mounted routes on a database of their own.
type Product struct {
	T       *testing.T
	DB      *pg.DB
	Handler http.Handler
}

// New returns a Product whose database gives the project's admin the rights
// on it that the migrations do: those of the database itself are not copied
// from a template.
func New(t *testing.T, db *pg.DB, h http.Handler) Product {
	t.Helper()
	p := Product{T: t, DB: db, Handler: h}
	p.Exec(`DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO project_admin', current_database()); END $$`)
	return p
}

// Answer is a response: its status, headers and decoded body.
type Answer struct {
	Status int
	Header http.Header
	Text   string
	Body   any
}

// Call sends a request as an administrator; path is below Prefix.
func (p Product) Call(method, path, body string) Answer {
	p.T.Helper()
	return p.CallAs(AdminToken, method, path, body)
}

// CallAs sends a request with an Authorization header, or none.
func (p Product) CallAs(authorization, method, path, body string) Answer {
	p.T.Helper()
	return p.Serve(context.Background(), authorization, method, path, body)
}

// Serve sends a request that ends with ctx.
func (p Product) Serve(ctx context.Context, authorization, method, path, body string) Answer {
	p.T.Helper()
	r := httptest.NewRequest(method, Prefix+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	call := identity.Call{RequestID: "r1", ClientIP: netip.MustParseAddr("192.0.2.7")}
	w := httptest.NewRecorder()
	p.Handler.ServeHTTP(w, r.WithContext(identity.WithCall(ctx, call)))
	a := Answer{Status: w.Code, Header: w.Header(), Text: strings.TrimSpace(w.Body.String())}
	if err := json.Unmarshal(w.Body.Bytes(), &a.Body); err != nil {
		p.T.Errorf("%s %s: body %q is not JSON: %v", method, path, w.Body, err)
	}
	return a
}

// OK fails the test unless the answer has the status.
func (p Product) OK(a Answer, status int) Answer {
	p.T.Helper()
	if a.Status != status {
		p.T.Fatalf("got %d %s, want %d", a.Status, a.Text, status)
	}
	return a
}

// Refused complains unless the answer is this error and says part.
func (p Product) Refused(a Answer, status int, code fault.Code, part string) {
	p.T.Helper()
	body, _ := a.Body.(map[string]any)
	message, _ := body["message"].(string)
	if a.Status != status || body["error"] != string(code) || !strings.Contains(message, part) {
		p.T.Errorf("got %d %s, want %d %s with %q", a.Status, a.Text, status, code, part)
	}
}

// OnlyAdmins complains unless the route refuses everybody else.
func (p Product) OnlyAdmins(method, path, body string) {
	p.T.Helper()
	p.Refused(p.CallAs("", method, path, body), http.StatusUnauthorized, fault.AuthInvalidCredentials, "No admin token")
	p.Refused(p.CallAs("Bearer x", method, path, body), http.StatusUnauthorized, fault.AuthUnauthorized, "Invalid token")
	p.Refused(p.CallAs("Bearer ik_x", method, path, body), http.StatusUnauthorized, fault.AuthInvalidAPIKey, "Invalid API key")
	p.Refused(p.CallAs(AnonKey, method, path, body), http.StatusUnauthorized, fault.AuthUnauthorized, "Invalid token")
	p.Refused(p.CallAs(UserToken, method, path, body), http.StatusForbidden, fault.AuthUnauthorized, "Admin access required")
}

// Equal compares decoded JSON with JSON text.
func (p Product) Equal(got any, want string) {
	p.T.Helper()
	var w any
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		p.T.Fatalf("bad expectation: %v", err)
	}
	if diff := cmp.Diff(w, got); diff != "" {
		p.T.Errorf("unexpected answer (-want +got):\n%s", diff)
	}
}

// Exec runs SQL as the owner of the database.
func (p Product) Exec(sql string, args ...any) {
	p.T.Helper()
	err := p.DB.AsOwner(context.Background(), func(tx pg.Tx) error {
		_, err := tx.Exec(context.Background(), sql, args...)
		return err
	})
	if err != nil {
		p.T.Fatalf("%s: %v", sql, err)
	}
}

// ExecAdmin runs SQL as the project's admin.
func (p Product) ExecAdmin(sql string) {
	p.T.Helper()
	ctx := identity.With(context.Background(), identity.NewAdmin(identity.Admin, AdminActor))
	err := p.DB.As(ctx, func(tx pg.Tx) error {
		_, err := tx.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol)
		return err
	})
	if err != nil {
		p.T.Fatalf("%s: %v", sql, err)
	}
}

// Value returns what a query of one row and column returns to the owner.
func Value[T any](p Product, sql string, args ...any) (v T) {
	p.T.Helper()
	err := p.DB.AsOwner(context.Background(), func(tx pg.Tx) error {
		return tx.QueryRow(context.Background(), sql, args...).Scan(&v)
	})
	if err != nil {
		p.T.Fatalf("%s: %v", sql, err)
	}
	return v
}

// Announced returns the events that a subscription has heard since the last
// call. Publishing happens before the answer is written, so none is waited for.
func Announced(news *events.Subscription) (all []events.Event) {
	for {
		select {
		case e := <-news.C():
			all = append(all, e)
		default:
			return all
		}
	}
}

// Member returns a member of a JSON object, nil for none.
func Member(v any, name string) any {
	m, _ := v.(map[string]any)
	return m[name]
}

// Quote returns s as JSON.
func Quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// WaitFor waits until a query of one boolean is true for the owner.
func (p Product) WaitFor(sql string) {
	p.T.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for !Value[bool](p, sql) {
		if time.Now().After(deadline) {
			p.T.Fatalf("not so after two minutes: %s", sql)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
