package values_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/insforge/insforge-go/primitives/database/values"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/pg/pgtest"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// printed is each type as the contract spells it.
var printed = []struct {
	sql, want string
}{
	{`1::int2`, `1`}, {`(-2147483648)::int4`, `-2147483648`}, {`42::oid`, `42`},
	{`1.5::float4`, `1.5`}, {`1e300::float8`, `1e+300`}, {`'NaN'::float8`, `null`}, {`'-Infinity'::float4`, `null`},
	{`9223372036854775807::int8`, `"9223372036854775807"`}, {`1.50::numeric`, `"1.50"`}, {`1.2::money`, `"$1.20"`},
	{`true`, `true`}, {`false`, `false`}, {`NULL::bool`, `null`}, {`NULL::int[]`, `null`},
	{`'{"a" : 12345678901234567890}'::json`, `{"a" : 12345678901234567890}`}, {`'null'::jsonb`, `null`}, {`'"x"'::jsonb`, `"x"`},
	{`timestamptz '2024-01-02 03:04:05.678901+05:30'`, `"2024-01-01T21:34:05.678Z"`},
	{`timestamptz '1969-12-31 23:59:59.999999Z'`, `"1969-12-31T23:59:59.999Z"`},
	{`timestamp '2024-01-02 03:04:05'`, `"2024-01-02T03:04:05.000Z"`},
	{`date '2024-01-02'`, `"2024-01-02T00:00:00.000Z"`},
	{`date '0044-03-15 BC'`, `"-000043-03-15T00:00:00.000Z"`}, {`date '0001-01-01 BC'`, `"0000-01-01T00:00:00.000Z"`},
	{`date '12024-01-02'`, `"+012024-01-02T00:00:00.000Z"`},
	{`timestamptz 'infinity'`, `null`}, {`date '-infinity'`, `null`}, {`date '5874897-12-31'`, `"5874897-12-31"`},
	{`time '03:04:05.6'`, `"03:04:05.6"`}, {`inet '10.0.0.1/8'`, `"10.0.0.1/8"`}, {`int4range(1, 5)`, `"[1,5)"`},
	{`'6ba7b810-9dad-11d1-80b4-00c04fd430c8'::uuid`, `"6ba7b810-9dad-11d1-80b4-00c04fd430c8"`},
	{`interval '1 day 2 hours'`, `{"days":1,"hours":2}`}, {`interval '0'`, `{}`},
	{`interval '-1 year 2 mons -3 days -04:05:06.789123'`, `{"months":-10,"days":-3,"hours":-4,"minutes":-5,"seconds":-6,"milliseconds":-789.123}`},
	{`interval '100 hours 0.5 seconds'`, `{"hours":100,"milliseconds":500}`},
	{`point '(1,2.5)'`, `{"x":1,"y":2.5}`}, {`point '(Infinity,-1e20)'`, `{"x":null,"y":-1e+20}`}, {`circle '<(1,2),3>'`, `"<(1,2),3>"`},
	{`'\x0102ff'::bytea`, `{"type":"Buffer","data":[1,2,255]}`}, {`''::bytea`, `{"type":"Buffer","data":[]}`},
	{`E'a"b\\c\n<é\u2028'`, "\"a\\\"b\\\\c\\n<é\\u2028\""}, {`''`, `""`}, {`E'\x7f'`, "\"\x7f\""},
	{`ARRAY[1,NULL,3]`, `[1,null,3]`}, {`'{}'::int[]`, `[]`}, {`'{{1,2},{3,4}}'::int[]`, `[[1,2],[3,4]]`}, {`'[2:3]={7,8}'::int[]`, `[7,8]`},
	{`ARRAY[1,2]::int8[]`, `["1","2"]`}, {`'{1.50,NaN}'::numeric[]`, `[1.50,null]`}, {`'{1.5,NaN}'::float8[]`, `[1.5,null]`},
	{`ARRAY['a', NULL, 'NULL', '', 'x"y\z{},']`, `["a",null,"NULL","","x\"y\\z{},"]`}, {`ARRAY['a']::varchar[]`, `["a"]`}, {`ARRAY[true,false]`, `[true,false]`},
	{`ARRAY[timestamptz '2024-01-02 03:04:05Z']`, `["2024-01-02T03:04:05.000Z"]`}, {`ARRAY['{"a":[1]}'::jsonb, NULL]`, `[{"a": [1]},null]`},
	{`ARRAY['6ba7b810-9dad-11d1-80b4-00c04fd430c8'::uuid]`, `["6ba7b810-9dad-11d1-80b4-00c04fd430c8"]`},
	{`ARRAY['public']::name[]`, `"{public}"`}, {`ARRAY['1 day'::interval]`, `[{"days":1}]`},
}

// query returns what one expression is printed as, under hostile settings of
// the session.
func query(t *testing.T, db *pg.DB, expression string) (oid uint32, text []byte) {
	t.Helper()
	err := db.AsOwner(t.Context(), func(tx pg.Tx) error {
		for _, sql := range []string{
			`SET LOCAL datestyle = 'German'; SET LOCAL intervalstyle = 'iso_8601'; SET LOCAL timezone = 'Asia/Kolkata';
			 SET LOCAL bytea_output = 'escape'; SET LOCAL extra_float_digits = -10`, values.Settings,
		} {
			if _, err := tx.Exec(t.Context(), sql); err != nil {
				return err
			}
		}
		rows, err := tx.Query(t.Context(), `SELECT `+expression, pgx.QueryResultFormats{pgx.TextFormatCode})
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			oid = rows.FieldDescriptions()[0].DataTypeOID
			if raw := rows.RawValues()[0]; raw != nil {
				text = append([]byte{}, raw...)
			}
		}
		return rows.Err()
	})
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return oid, text
}

func TestEachTypeIsSpelledAsTheContractSays(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	for _, tt := range printed {
		oid, text := query(t, db, tt.sql)
		got := values.AppendJSON([]byte("x"), oid, text)
		if string(got) != "x"+tt.want {
			t.Errorf("%s: got %s, want %s", tt.sql, got[1:], tt.want)
		}
		if !json.Valid(got[1:]) {
			t.Errorf("%s: %s is not JSON", tt.sql, got[1:])
		}
	}
}

// What a client was shown it may send back.
func TestWhatWasPrintedIsReadBack(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	for _, tt := range []struct {
		kind, value string
		element     uint32
	}{
		{"bytea", `\x0102ff`, 0}, {"interval", "10 mons 3 days -04:05:06.5", 0}, {"point", "(1,-2.5)", 0},
		{"int[]", "{1,NULL,3}", pgtype.Int4OID}, {"text[]", `{"a\"b\\c",NULL,"NULL",""}`, pgtype.TextOID}, {"int[]", "{{1,2},{3,4}}", pgtype.Int4OID},
		{"bytea[]", `{"\\x01"}`, pgtype.ByteaOID}, {"jsonb[]", `{"{\"a\": [1, 2]}","[1]"}`, pgtype.JSONBOID},
		{"jsonb", `{"a": [1, "x"]}`, 0}, {"timestamptz", "2024-01-02 03:04:05.678Z", 0}, {"bool", "t", 0}, {"int8", "9223372036854775807", 0},
	} {
		literal := "$$" + tt.value + "$$::" + tt.kind
		oid, text := query(t, db, literal)
		sent, err := values.Text(values.Type{OID: oid, Element: tt.element}, values.AppendJSON(nil, oid, text))
		if err != nil || sent == nil {
			t.Fatalf("%s: got %v, %v", literal, sent, err)
		}
		if _, same := query(t, db, literal+`::text = ($$`+*sent+`$$::`+tt.kind+`)::text`); string(same) != "t" {
			t.Errorf("%s came back as %s", literal, *sent)
		}
	}
}

func TestJSONBecomesPostgresText(t *testing.T) {
	t.Parallel()
	integers, texts := values.Type{OID: pgtype.Int4ArrayOID, Element: pgtype.Int4OID}, values.Type{OID: pgtype.TextArrayOID, Element: pgtype.TextOID}
	for _, tt := range []struct {
		name      string
		of        values.Type
		raw, want string
	}{
		{"a number keeps its digits", values.Type{OID: pgtype.NumericOID}, `1.50`, `1.50`},
		{"a string is taken as it is", values.Type{OID: pgtype.TextOID}, `"a\u00e9\"b"`, `aé"b`},
		{"a boolean", values.Type{OID: pgtype.BoolOID}, ` true `, `true`},
		{"an object for JSON", values.Type{OID: pgtype.JSONBOID}, `{"a":1}`, `{"a":1}`},
		{"an array for JSON", values.Type{OID: pgtype.JSONOID}, `[1,"x"]`, `[1,"x"]`},
		{"a string for JSON is JSON text", values.Type{OID: pgtype.JSONBOID}, `"{\"a\":1}"`, `{"a":1}`},
		{"an array in Postgres's notation", integers, `"{1,2}"`, `{1,2}`},
		{"an array as JSON text", integers, `"[1,null]"`, `{"1",NULL}`},
		{"bounds are no JSON", integers, `"[0:1]={1,2}"`, `[0:1]={1,2}`},
		{"nested arrays", texts, `[["a"],["b,}"]]`, `{{"a"},{"b,}"}}`},
		{"an object for text", values.Type{OID: pgtype.TextOID}, `{"a":1}`, `{"a":1}`},
		{"an array for a vector", values.Type{OID: 99999}, `[1,2.5]`, `[1,2.5]`},
		{"a buffer", values.Type{OID: pgtype.ByteaOID}, `{"type":"Buffer","data":[0,255]}`, `\x00ff`},
		{"no interval", values.Type{OID: pgtype.IntervalOID}, `{"weeks":1}`, `{"weeks":1}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := values.Text(tt.of, json.RawMessage(tt.raw))
			if err != nil || got == nil || *got != tt.want {
				t.Errorf("got %v, %v, want %q", got, err, tt.want)
			}
		})
	}
	if got, err := values.Text(texts, json.RawMessage(`null`)); got != nil || err != nil {
		t.Errorf("got %v, %v for null, want nil", got, err)
	}
	for _, raw := range []string{`"a\u0000b"`, `["a\u0000b"]`, `[["\u0000"]]`, `"[\"\\u0000\"]"`} {
		if got, err := values.Text(texts, json.RawMessage(raw)); !errors.Is(err, values.ErrNUL) {
			t.Errorf("%s: got %v, %v, want ErrNUL", raw, got, err)
		}
	}
}

func TestWhatIsNotABufferIsNotStoredAsItsText(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{`{"type":"Buffer","data":[256]}`, `{"data":[1]}`, `[1,2]`, `{}`} {
		if got, err := values.Text(values.Type{OID: pgtype.ByteaOID}, json.RawMessage(raw)); !errors.Is(err, values.ErrNotBytes) {
			t.Errorf("%s: got %v, %v, want ErrNotBytes", raw, got, err)
		}
	}
}

// Postgres prints none of these under Settings; they must still become JSON.
func FuzzAppendJSONIsAlwaysJSON(f *testing.F) {
	oids := []uint32{pgtype.Float8OID, pgtype.BoolOID, pgtype.TimestamptzOID, pgtype.IntervalOID, pgtype.PointOID, pgtype.ByteaOID,
		pgtype.TextOID, pgtype.Int4ArrayOID, pgtype.TextArrayOID, pgtype.TimestampArrayOID, pgtype.IntervalArrayOID, 0}
	for _, tt := range printed {
		f.Add(tt.sql)
	}
	for _, s := range []string{"{", "{{}", `{"a`, "{1,", "{1}x", "[1:2]=", "2024-1-", "1 day 2", "(1,", `\x0`, "-1:2:3", "\xff", "{\xff}", "0x1", "1 2", "01", "2024-01-02 +", "1 mons 1:2:3:4"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, oid := range oids {
			if got := values.AppendJSON(nil, oid, []byte(text)); !json.Valid(got) {
				t.Errorf("type %d, %q: got %s", oid, text, got)
			}
		}
	})
}
