package tables_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/insforge/insforge-go/primitives/database/dbtest"
	"github.com/insforge/insforge-go/primitives/database/tables"
	"github.com/insforge/insforge-go/primitives/kernel/audit"
	"github.com/insforge/insforge-go/primitives/kernel/events"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/pg/pgtest"
	"github.com/insforge/insforge-go/primitives/kernel/rest/resttest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// product is the routes on a database of their own.
type product struct {
	dbtest.Product
	news *events.Subscription
}

func start(t *testing.T) product {
	t.Helper()
	return startHasty(t, 0)
}

// startHasty is start with another bound on waiting for locks.
func startHasty(t *testing.T, lockWait time.Duration) product {
	t.Helper()
	db, bus := pgtest.New(t), &events.Bus{}
	service := tables.New(tables.Deps{DB: db, Audit: audit.NewRecorder(pgtest.AuditToken), Events: bus, LockWait: lockWait})
	return product{Product: dbtest.New(t, db, service.Mount), news: bus.Subscribe()}
}

// create makes a table in public out of column objects.
func (p product) create(name string, columns ...string) {
	p.T.Helper()
	p.OK(p.Call("POST", "/tables", `{"tableName":`+resttest.JSON(name)+`,"columns":[`+strings.Join(columns, ",")+`]}`), http.StatusCreated)
}

// text is a nullable column of text.
func text(name string) string { return column(name, "string", "") }

// column is a nullable column; more are further members.
func column(name, kind, more string) string {
	return `{"columnName":` + resttest.JSON(name) + `,"type":"` + kind + `","isNullable":true,"isUnique":false` + more + `}`
}

// valueAs returns what a query of one row and column returns to a caller.
func valueAs[T any](p product, who identity.Principal, sql string, args ...any) (v T, err error) {
	ctx := identity.With(context.Background(), who)
	err = p.DB.As(ctx, func(tx pg.Tx) error { return tx.QueryRow(ctx, sql, args...).Scan(&v) })
	return v, err
}

// names lists what a member of each object in an array says.
func names(v any, name string) (out []string) {
	list, _ := v.([]any)
	for _, e := range list {
		s, _ := resttest.Member(e, name).(string)
		out = append(out, s)
	}
	return out
}
