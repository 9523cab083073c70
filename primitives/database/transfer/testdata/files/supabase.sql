-- What a project of Supabase grants, and to whom.
-- want: 200
-- skips: COMMENT ON SCHEMA "public" IS 'standard public schema'
-- skips: ALTER TABLE "public"."todos" OWNER TO "postgres"
-- skips: ALTER DEFAULT PRIVILEGES FOR ROLE "postgres" IN SCHEMA "public" GRANT ALL ON SEQUENCES  TO "service_role"
-- skips: RESET ALL
-- check: has_table_privilege('service_role', 'todos', 'DELETE')
-- check: (SELECT 'service_role' = ANY (roles) FROM pg_policies WHERE policyname = 'all of it')
COMMENT ON SCHEMA "public" IS 'standard public schema';
CREATE TABLE IF NOT EXISTS "public"."todos" ("id" bigint NOT NULL, "owner" "uuid");
ALTER TABLE "public"."todos" OWNER TO "postgres";
ALTER TABLE "public"."todos" ENABLE ROW LEVEL SECURITY;
CREATE POLICY "all of it" ON "public"."todos" TO "service_role" USING (true) WITH CHECK (true);
CREATE POLICY "own" ON "public"."todos" FOR SELECT TO "authenticated" USING ("auth"."uid"() = "owner");
GRANT USAGE ON SCHEMA "public" TO "anon";
GRANT USAGE ON SCHEMA "public" TO "service_role";
GRANT ALL ON TABLE "public"."todos" TO "anon";
GRANT ALL ON TABLE "public"."todos" TO "service_role";
ALTER DEFAULT PRIVILEGES FOR ROLE "postgres" IN SCHEMA "public" GRANT ALL ON SEQUENCES  TO "service_role";
RESET ALL;
