/* The parts of the test program of the room cmd. */
#ifndef STRAKE_TESTS_CMD_TEST_H
#define STRAKE_TESTS_CMD_TEST_H

#include "unit.h"

#include "cmd/command.h"

/* Every command of both programs in the order of their names, ended by NULL; and the verbs of
 * `strake`. */
extern const struct command *const all_commands[];
extern const struct verb *const strake_verbs;

/* main() of src/main.c. */
int strake_main(int argc, char **argv);

TCase *cmd_main_case(void);
TCase *cmd_options_case(void);
TCase *cmd_tables_case(void);
TCase *cmd_generated_case(void);
TCase *cmd_views_case(void);

#endif
