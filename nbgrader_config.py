"""For stock nbgrader and for `rlcourse build`: where the problem sets lie, and what a stub says."""

c = get_config()  # noqa: F821 (nbgrader puts it there)

c.CourseDirectory.course_id = "rlcourse"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "exercises"

c.ClearSolutions.code_stub = {"python": 'raise NotImplementedError("your code here")'}
c.ClearSolutions.text_stub = "*Your answer here.*"

c.ExecutePreprocessor.timeout = 120  # seconds a cell; the last cells train
