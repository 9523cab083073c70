package transfer_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/insforge/insforge-go/primitives/database/transfer"
	"github.com/insforge/insforge-go/primitives/kernel/events"
)

func TestASummaryOfTheTables(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.ExecAdmin(`
		CREATE TABLE "it's ""b""" AS SELECT n FROM generate_series(1, 7) n;
		CREATE TABLE hidden (id int PRIMARY KEY);
		ALTER TABLE hidden ENABLE ROW LEVEL SECURITY;
		ALTER TABLE hidden FORCE ROW LEVEL SECURITY;
		INSERT INTO hidden VALUES (1), (2);
		CREATE VIEW v AS SELECT 1;
		CREATE SCHEMA other; CREATE TABLE other.t (id int)`)
	s, err := transfer.New(transfer.Deps{DB: p.DB, Events: &events.Bus{}, MaxImportBytes: 1, Now: nil})
	if err == nil || s != nil {
		t.Error("got a service without a clock")
	}
	s = p.service
	names, size, err := s.Tables(t.Context())
	if diff := cmp.Diff([]string{"hidden", `it's "b"`}, names); diff != "" || err != nil || size < 1<<20 {
		t.Errorf("got %v, %d bytes, %v (-want +got):\n%s", names, size, err, diff)
	}
	counts, err := s.CountRows(t.Context(), append(names, "nope", "v"))
	if diff := cmp.Diff(map[string]int64{"hidden": 2, `it's "b"`: 7}, counts); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for name, want := range map[string]string{
		"hidden": `{"schema":[{"columnName":"id","dataType":"integer","characterMaximumLength":null,"isNullable":"NO","columnDefault":null}],
			"indexes":[{"indexname":"hidden_pkey","indexdef":"CREATE UNIQUE INDEX hidden_pkey ON public.hidden USING btree (id)","isUnique":true,"isPrimary":true}],
			"foreignKeys":[],"rlsEnabled":true,"policies":[],"triggers":[],"rows":[]}`,
		"nope":    `{"schema":[],"indexes":[],"foreignKeys":[],"rlsEnabled":false,"policies":[],"triggers":[],"rows":[]}`,
		"v":       `{"schema":[],"indexes":[],"foreignKeys":[],"rlsEnabled":false,"policies":[],"triggers":[],"rows":[]}`,
		"\x00":    `{"schema":[],"indexes":[],"foreignKeys":[],"rlsEnabled":false,"policies":[],"triggers":[],"rows":[]}`,
		"\xff'\"": `{"schema":[],"indexes":[],"foreignKeys":[],"rlsEnabled":false,"policies":[],"triggers":[],"rows":[]}`,
	} {
		definition, err := s.TableDefinition(t.Context(), name)
		if err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		var got any
		if err := json.Unmarshal(definition, &got); err != nil {
			t.Fatalf("%q: %v: %s", name, err, definition)
		}
		p.Equal(got, want)
	}
}
