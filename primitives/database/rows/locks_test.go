package rows_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
)

func jsonText(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A transaction that holds the row does not hold up the editor for long.
func TestALockedRowIsReportedAfterAWhile(t *testing.T) {
	t.Parallel()
	p := start(t, todos)
	err := p.DB.AsOwner(t.Context(), func(tx pg.Tx) error {
		if _, err := tx.Exec(t.Context(), `UPDATE todos SET title = 'held' WHERE id = 1`); err != nil {
			return err
		}
		p.Refused(p.Call("PATCH", path("todos"), `{"pkKeys":{"id":1},"data":{"title":"x"}}`),
			http.StatusServiceUnavailable, fault.DatabaseInternalError, "Another transaction")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAClientThatLeavesChangesNothing(t *testing.T) {
	t.Parallel()
	p := start(t, todos+`
		CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN NEW; END';
		CREATE TRIGGER slow BEFORE UPDATE ON todos FOR EACH ROW EXECUTE FUNCTION slow()`)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan int)
	go func() {
		done <- p.Serve(ctx, "Bearer admin.access.token", "PATCH", path("todos"), `{"pkKeys":{"id":1},"data":{"title":"x"}}`).Status
	}()
	p.WaitFor(`SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep')`)
	cancel()
	if status := <-done; status < 400 {
		t.Errorf("got %d, want a failure", status)
	}
	p.WaitFor(`SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep')`)
	p.Equal(p.OK(p.Call("GET", "/admin/tables/todos/records/lookup?column=id&value=1&column=title&value=buy%20milk", ""), 200).Body,
		`{"id":1,"title":"buy milk","done":false,"tags":null,"note":"x_y"}`)
}
