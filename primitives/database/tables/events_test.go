package tables_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/insforge/insforge-go/primitives/database/dbtest"
	"github.com/insforge/insforge-go/primitives/kernel/events"
)

func TestChangesAreAnnouncedOnceCommitted(t *testing.T) {
	t.Parallel()
	p := start(t)
	const table = `{"tableName":"t","columns":[{"columnName":"a","type":"string","isNullable":true,"isUnique":false}]}`
	for _, step := range []struct {
		method, path, body string
		status             int
		want               []events.Event
	}{
		{http.MethodPost, "/tables", table, http.StatusCreated,
			[]events.Event{events.DataUpdate{Resource: events.Database, Changes: []events.Change{{Type: "tables"}}}}},
		{http.MethodPost, "/tables", table, http.StatusBadRequest, nil}, // it exists: rolled back
		{http.MethodPatch, "/tables/t/schema", `{"dropColumns":["b"]}`, http.StatusBadRequest, nil},
		{http.MethodPatch, "/tables/t/schema", `{"updateColumns":[{"columnName":"a","newColumnName":"b"}]}`, http.StatusOK,
			[]events.Event{events.DataUpdate{Resource: events.Database, Changes: []events.Change{{Type: "table", Name: "t"}}}}},
		{http.MethodDelete, "/tables/t", "", http.StatusOK,
			[]events.Event{events.DataUpdate{Resource: events.Database, Changes: []events.Change{{Type: "tables"}}}}},
	} {
		if got := p.Call(step.method, step.path, step.body); got.Status != step.status {
			t.Fatalf("%s %s: got status %d (%s), want %d", step.method, step.path, got.Status, got.Text, step.status)
		}
		if diff := cmp.Diff(step.want, dbtest.Announced(p.news)); diff != "" {
			t.Errorf("%s %s: events differ (-want +got):\n%s", step.method, step.path, diff)
		}
	}
}
