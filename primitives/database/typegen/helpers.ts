
type Kinds<S extends keyof Database> = {
  Relations: Database[S]["Tables"] & Database[S]["Views"]
  Enums: Database[S]["Enums"]
  CompositeTypes: Database[S]["CompositeTypes"]
}

type Selector<K extends keyof Kinds<DefaultSchema>> = keyof Kinds<DefaultSchema>[K] | { schema: keyof Database }

type Names<K extends keyof Kinds<DefaultSchema>, T> = T extends { schema: infer S extends keyof Database }
  ? keyof Kinds<S>[K]
  : never

type Entry<K extends keyof Kinds<DefaultSchema>, T, N> = T extends { schema: infer S extends keyof Database }
  ? N extends keyof Kinds<S>[K]
    ? Kinds<S>[K][N]
    : never
  : T extends keyof Kinds<DefaultSchema>[K]
    ? Kinds<DefaultSchema>[K][T]
    : never

type Shape<T, P extends string> = T extends { [Q in P]: infer R } ? R : never

/** A row as it is read: Tables<"todos">, or Tables<{ schema: "archive" }, "todos">. */
export type Tables<T extends Selector<"Relations">, N extends Names<"Relations", T> = never> = Shape<
  Entry<"Relations", T, N>,
  "Row"
>

/** A row to insert, without what the database fills in. */
export type TablesInsert<T extends Selector<"Relations">, N extends Names<"Relations", T> = never> = Shape<
  Entry<"Relations", T, N>,
  "Insert"
>

/** The columns to change. */
export type TablesUpdate<T extends Selector<"Relations">, N extends Names<"Relations", T> = never> = Shape<
  Entry<"Relations", T, N>,
  "Update"
>

/** The labels of an enumerated type. */
export type Enums<T extends Selector<"Enums">, N extends Names<"Enums", T> = never> = Entry<"Enums", T, N>

/** The attributes of a composite type. */
export type CompositeTypes<
  T extends Selector<"CompositeTypes">,
  N extends Names<"CompositeTypes", T> = never,
> = Entry<"CompositeTypes", T, N>

