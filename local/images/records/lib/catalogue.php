<?php
// The records in the database.
declare(strict_types=1);

final class Catalogue
{
    private readonly mysqli $db;

    public function __construct()
    {
        mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);
        $this->db = mysqli_init();
        $this->db->options(MYSQLI_OPT_CONNECT_TIMEOUT, 3);
        $this->db->real_connect(
            getenv('DB_HOST'),
            getenv('DB_USER'),
            getenv('DB_PASSWORD'),
            getenv('DB_NAME'),
            (int) (getenv('DB_PORT') ?: 3306),
        );
        $this->db->set_charset('utf8mb4');
    }

    public function count(): int
    {
        return (int) $this->db->query('SELECT COUNT(*) FROM records')->fetch_row()[0];
    }

    /** @return list<array<string, mixed>> */
    public function page(int $limit, int $offset): array
    {
        $rows = $this->run('SELECT * FROM records ORDER BY id LIMIT ? OFFSET ?', [$limit, $offset]);
        return $rows->fetch_all(MYSQLI_ASSOC);
    }

    /** @return array<string, mixed>|null */
    public function find(int $id): ?array
    {
        return $this->run('SELECT * FROM records WHERE id = ?', [$id])->fetch_assoc();
    }

    /** @throws mysqli_sql_exception with code 1062 where the code is taken */
    public function add(string $code, string $title, string $body): int
    {
        $this->db->begin_transaction();
        $this->run('INSERT INTO records (code, title, body) VALUES (?, ?, ?)', [$code, $title, $body]);
        $id = $this->db->insert_id;
        $this->run("INSERT INTO outbox (record_id, event) VALUES (?, 'added')", [$id]);
        $this->db->commit();
        return $id;
    }

    public function change(int $id, string $title, string $body): void
    {
        $this->run('UPDATE records SET title = ?, body = ? WHERE id = ?', [$title, $body, $id]);
    }

    public function remove(int $id): void
    {
        $this->run('DELETE FROM records WHERE id = ?', [$id]);
    }

    private function run(string $query, array $values): mysqli_result|bool
    {
        $statement = $this->db->prepare($query);
        $statement->execute($values);
        return $statement->get_result();
    }
}
