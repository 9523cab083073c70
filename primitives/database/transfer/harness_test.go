package transfer_test

import (
	"bytes"
	"context"
	"mime/multipart"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/insforge/insforge-go/primitives/database/dbtest"
	"github.com/insforge/insforge-go/primitives/database/transfer"
	"github.com/insforge/insforge-go/primitives/kernel/audit"
	"github.com/insforge/insforge-go/primitives/kernel/events"
	"github.com/insforge/insforge-go/primitives/kernel/pg/pgtest"
	"github.com/insforge/insforge-go/primitives/kernel/rest/resttest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// product is the routes on a database of their own, with the news they make.
type product struct {
	dbtest.Product
	service *transfer.Service
	news    *events.Subscription
}

const maxImport = 8 << 20

var now = time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC)

// hasty bounds the wait for locks to what a test can sit through.
func hasty(d *transfer.Deps) { d.LockWait = 100 * time.Millisecond }

func start(t *testing.T, change ...func(*transfer.Deps)) product {
	t.Helper()
	db := pgtest.New(t)
	bus := &events.Bus{}
	d := transfer.Deps{
		DB: db, Audit: audit.NewRecorder(pgtest.AuditToken), Events: bus, TempDir: t.TempDir(), MaxImportBytes: maxImport,
		Now: func() time.Time { return now },
	}
	for _, f := range change {
		f(&d)
	}
	s, err := transfer.New(d)
	if err != nil {
		t.Fatal(err)
	}
	return product{Product: dbtest.New(t, db, s.Mount), service: s, news: bus.Subscribe()}
}

// export returns the data of an export with the given options.
func (p product) export(options string) any {
	p.T.Helper()
	return resttest.Member(p.OK(p.Call("POST", "/advance/export", options), 200).Body, "data")
}

// exportSQL is export of format sql.
func (p product) exportSQL(options string) string {
	p.T.Helper()
	sql, ok := p.export(options).(string)
	if !ok {
		p.T.Fatal("the data is not text")
	}
	return sql
}

// upload sends a file and other fields to a route below /advance.
func (p product) upload(ctx context.Context, path, filename, content string, fields ...string) resttest.Answer {
	p.T.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for i := 0; i < len(fields); i += 2 {
		if err := form.WriteField(fields[i], fields[i+1]); err != nil {
			p.T.Fatal(err)
		}
	}
	part, err := form.CreateFormFile("file", filename)
	if err != nil {
		p.T.Fatal(err)
	}
	if _, err := part.Write([]byte(content)); err != nil {
		p.T.Fatal(err)
	}
	if err := form.Close(); err != nil {
		p.T.Fatal(err)
	}
	return p.send(ctx, path, form.FormDataContentType(), &body)
}

func (p product) send(ctx context.Context, path, contentType string, body *bytes.Buffer) resttest.Answer {
	p.T.Helper()
	r := httptest.NewRequest("POST", dbtest.Prefix+"/advance"+path, body)
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("Authorization", resttest.AdminToken)
	return p.Send(r.WithContext(ctx))
}

// audited returns the details of the audit rows of an action, as JSON text.
func (p product) audited(action string) string {
	p.T.Helper()
	return dbtest.Value[string](p.Product, `
		SELECT coalesce(jsonb_agg(details ORDER BY created_at), '[]')::text
		  FROM system.audit_logs WHERE action = $1 AND module = 'DATABASE' AND actor = $2`, action, resttest.AdminActor)
}
