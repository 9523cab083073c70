package request

import (
	"net/http"
	"strconv"
	"strings"
)

// maxRange keeps sums of bounds inside int64.
const maxRange = 1 << 60

// Range is a window of rows: First and Last are zero-based and inclusive;
// Last counts only unless Open.
type Range struct {
	First, Last int64
	Open        bool
}

// AllRows is the range without limit and offset.
func AllRows() Range { return Range{Open: true} }

// IsAll reports whether the range neither skips nor limits.
func (r Range) IsAll() bool { return r.Open && r.First == 0 }

// Limit is the number of rows of the range; ok is false without a limit.
func (r Range) Limit() (rows int64, ok bool) { return 1 + r.Last - r.First, !r.Open }

func (r Range) empty() bool     { return !r.Open && r.Last < r.First }
func (r Range) limitZero() bool { return !r.Open && r.Last == -1 && r.First == 0 }

func zeroRows() Range { return Range{First: 0, Last: -1} }

func (r Range) intersect(o Range) Range {
	if r.empty() || o.empty() {
		return Range{First: 1, Last: 0}
	}
	out := Range{First: max(r.First, o.First), Open: r.Open && o.Open}
	switch {
	case r.Open:
		out.Last = o.Last
	case o.Open:
		out.Last = r.Last
	default:
		out.Last = min(r.Last, o.Last)
	}
	return out
}

// Restrict caps the range at rows, which is the max-rows setting; limit=0
// stays as it is.
func (r Range) Restrict(rows int64) Range {
	if r.limitZero() {
		return r
	}
	return r.intersect(Range{First: 0, Last: r.First + rows - 1})
}

func (k keyedRange) window() Range {
	switch {
	case k.hasLimit && k.hasOff:
		return Range{First: k.offset, Last: k.offset + k.limit - 1}
	case k.hasLimit:
		return Range{First: 0, Last: k.limit - 1}
	case k.hasOff:
		return Range{First: k.offset, Open: true}
	}
	return AllRows()
}

// headerRange reads "first-last" or "first-"; anything else is all rows.
func headerRange(h http.Header) Range {
	text := h.Get("Range")
	first, last, ok := strings.Cut(text, "-")
	if !ok || !digits(first) || (last != "" && !digits(last)) {
		return AllRows()
	}
	from, err := strconv.ParseInt(first, 10, 64)
	if err != nil || from > maxRange {
		return AllRows()
	}
	if last == "" {
		return Range{First: from, Open: true}
	}
	to, err := strconv.ParseInt(last, 10, 64)
	if err != nil || to > maxRange {
		return Range{First: from, Open: true}
	}
	return Range{First: from, Last: to}
}

func digits(s string) bool {
	for i := 0; i < len(s); i++ {
		if !isDigit(rune(s[i])) {
			return false
		}
	}
	return s != ""
}

// setRanges works out the root's range from the Range header, which counts
// for GET only, and limit and offset.
func (r *Request) setRanges(p *queryParser, h http.Header) *Error {
	header := AllRows()
	if r.Method == http.MethodGet {
		header = headerRange(h)
	}
	limit := AllRows()
	for _, k := range p.ranges {
		if len(k.path) == 0 {
			limit = k.window()
			continue
		}
		p.Ranges = append(p.Ranges, At[Range]{k.path, k.window()})
	}
	r.Range = header.intersect(limit)
	if limit.limitZero() {
		r.Range = zeroRows()
	}
	switch {
	case r.Range.empty() && !limit.limitZero() && header.empty():
		return rangeReversed()
	case r.Range.empty() && !limit.limitZero():
		return rangeNegativeLimit()
	case (r.Kind == Update || r.Kind == Delete) && p.HasRanges && len(p.Order) == 0:
		return LimitWithoutOrder()
	case r.Kind == Upsert && !r.Range.IsAll():
		return NewError(http.StatusBadRequest, "PGRST114", "limit/offset querystring parameters are not allowed for PUT")
	}
	return nil
}
