<?php
// Every text of the site's tables, plugins' own included, found by what the database says of its columns.
declare(strict_types=1);

final class Table
{
    private const ROWS_AT_ONCE = 200;
    private const NOT_TEXT = ['wp_users.user_pass'];

    /**
     * @param string[] $key the primary key's columns
     * @param string[] $columns those that hold text
     */
    private function __construct(
        private readonly mysqli $db,
        public readonly string $name,
        private readonly array $key,
        private readonly array $columns,
    ) {
    }

    /** @return Table[] those of the site that hold text */
    public static function all(mysqli $db): array
    {
        $found = $db->query(
            "SELECT c.table_name, c.column_name, c.column_key, c.data_type
               FROM information_schema.columns c
               JOIN information_schema.tables t USING (table_schema, table_name)
              WHERE c.table_schema = DATABASE() AND c.table_name LIKE 'wp\\_%'
                AND t.table_type = 'BASE TABLE' AND c.extra NOT LIKE '%GENERATED%'
              ORDER BY c.table_name, c.ordinal_position",
        );
        $keys = $texts = [];
        foreach ($found->fetch_all() as [$table, $column, $key, $type]) {
            if ($key === 'PRI') {
                $keys[$table][] = $column;
            }
            if (preg_match('/char|text|blob|json|binary/', $type) && !in_array("$table.$column", self::NOT_TEXT)) {
                $texts[$table][] = $column;
            }
        }
        $table = fn(string $name): self => new self($db, $name, $keys[$name] ?? [], $texts[$name]);
        return array_map($table, array_keys($texts));
    }

    /**
     * Change the texts of the rows that name one of the hosts.
     *
     * @param string[] $hosts at least one
     * @param Closure(string): string $change
     * @return int how many rows changed
     */
    public function rewrite(array $hosts, Closure $change): int
    {
        $changed = 0;
        foreach ($this->rows($hosts) as $row) {
            $texts = array_filter(array_intersect_key($row, array_flip($this->columns)), is_string(...));
            $new = array_diff_assoc(array_map($change, $texts), $texts);
            if ($new !== []) {
                $this->update($row, $new);
                $changed++;
            }
        }
        return $changed;
    }

    /**
     * @param array<string, mixed> $row as it is
     * @param array<string, string> $new columns to change
     */
    private function update(array $row, array $new): void
    {
        $set = implode(', ', array_map(fn(string $column) => "`$column` = ?", array_keys($new)));
        $where = implode(' AND ', array_map(fn(string $column) => "`$column` = ?", $this->key));
        $this->run("UPDATE `$this->name` SET $set WHERE $where", [...array_values($new), ...$this->key_of($row)]);
    }

    /**
     * @param string[] $hosts
     * @return Generator<array<string, mixed>>
     */
    private function rows(array $hosts): Generator
    {
        $named = $this->names_one_of($hosts);
        if ($this->key === []) {
            $this->refuse($named);
            return;
        }
        $key = self::names($this->key);
        $columns = self::names(array_unique([...$this->key, ...$this->columns]));
        $marks = implode(', ', array_fill(0, count($this->key), '?'));
        $select = "SELECT $columns FROM `$this->name` WHERE ($named)";
        $page = "ORDER BY $key LIMIT " . self::ROWS_AT_ONCE;
        $rows = $this->run("$select $page")->fetch_all(MYSQLI_ASSOC);
        while ($rows !== []) {
            yield from $rows;
            $last = $this->key_of(end($rows));
            $rows = $this->run("$select AND ($key) > ($marks) $page", $last)->fetch_all(MYSQLI_ASSOC);
        }
    }

    /** @param string[] $hosts */
    private function names_one_of(array $hosts): string
    {
        $conditions = [];
        foreach ($this->columns as $column) {
            foreach ($hosts as $host) {
                $like = $this->db->real_escape_string('%' . addcslashes($host, '%_\\') . '%');
                $conditions[] = "CONVERT(`$column` USING utf8mb4) LIKE '$like'";
            }
        }
        return implode(' OR ', $conditions);
    }

    /** Without a key no row can be told from another. */
    private function refuse(string $condition): void
    {
        $count = $this->run("SELECT COUNT(*) FROM `$this->name` WHERE $condition")->fetch_row()[0];
        if ($count > 0) {
            throw new RuntimeException(
                "$this->name has no primary key and $count rows that name another environment: "
                . 'give it a key or, if they are only queued, name it in QUEUE_TABLES',
            );
        }
    }

    private function run(string $query, array $values = []): mysqli_result|bool
    {
        try {
            $statement = $this->db->prepare($query);
            $statement->execute($values);
            return $statement->get_result();
        } catch (mysqli_sql_exception $error) {
            throw new RuntimeException("$this->name: " . $error->getMessage());
        }
    }

    /** @param array<string, mixed> $row */
    private function key_of(array $row): array
    {
        return array_map(fn(string $column) => $row[$column], $this->key);
    }

    /** @param string[] $columns */
    private static function names(array $columns): string
    {
        return implode(', ', array_map(fn(string $column) => "`$column`", $columns));
    }
}
