package engine_test

import (
	"net/http"
	"testing"
)

const shops = `
CREATE TABLE shops (id int PRIMARY KEY, name text);
CREATE TABLE makers (id int PRIMARY KEY, name text, price numeric);
CREATE TABLE goods (id int PRIMARY KEY, shop int REFERENCES shops, maker int REFERENCES makers, other_maker int, label text);
ALTER TABLE goods ADD CONSTRAINT other FOREIGN KEY (other_maker) REFERENCES makers;
INSERT INTO shops VALUES (1, 'one'), (2, 'two'), (3, 'none');
INSERT INTO makers VALUES (1, 'm1', 1.5), (2, 'm2', 2);
INSERT INTO goods VALUES (1, 1, 1, 2, 'b'), (2, 1, 2, 1, 'a'), (3, 2, NULL, NULL, NULL);
GRANT ALL ON shops, makers, goods TO anon;`

func TestSpreadsOfManyRowsAreArrays(t *testing.T) {
	t.Parallel()
	s := start(t, shops)
	for _, c := range []struct{ path, want string }{
		{"/shops?select=name,...goods(labels:label)&goods.order=label&order=id",
			`[{"name":"one","labels":["a", "b"]}, ` + "\n" + ` {"name":"two","labels":[null]}, ` + "\n" + ` {"name":"none","labels":[]}]`},
		{"/shops?select=id,...goods!inner(label,...makers!goods_maker_fkey(maker:name))&goods.label=eq.a", `[{"id":1,"label":["a"],"maker":["m2"]}]`},
		{"/shops?select=id,...goods()&goods=is.null", `[{"id":3}]`},
		{"/shops?select=id,...goods(label,makers!goods_maker_fkey(price))&id=eq.2", `[{"id":2,"label":[null],"makers":[null]}]`},
		{"/makers?select=name,...goods!goods_maker_fkey(label,...shops(shop:name))&id=eq.1", `[{"name":"m1","label":["b"],"shop":["one"]}]`},
		// Two spreads of one table, and what a spread is grouped by.
		{"/goods?select=...makers!goods_maker_fkey(a:name),...makers!other(b:name)&id=eq.1", `[{"a":"m1","b":"m2"}]`},
		{"/goods?select=...shops(name,count())&order=shops(name)", `[{"name":"one","count":2}, ` + "\n" + ` {"name":"two","count":1}]`},
		{"/goods?select=maker:shop,count()&order=shop", `[{"maker":1,"count":2}, ` + "\n" + ` {"maker":2,"count":1}]`},
		{"/goods?select=...shops(goods(id)),id.max()&id=lt.3&shops.goods.order=id", `[{"max":2,"goods":[{"id": 1}, {"id": 2}]}]`},
	} {
		if r := s.do("GET", c.path, ""); r.status != http.StatusOK || r.body != c.want {
			t.Errorf("%s: got %d\n%s, want\n%s", c.path, r.status, r.body, c.want)
		}
	}
	s.want(s.do("GET", "/shops?select=name,...goods(id.max())", ""), http.StatusBadRequest, "PGRST127")
	s.want(s.do("PATCH", "/goods?limit=1&order=makers(name)&select=id,makers!goods_maker_fkey(name)", `{"label":"x"}`, full), http.StatusBadRequest, "PGRST109")
}
