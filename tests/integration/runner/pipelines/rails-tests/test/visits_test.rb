# frozen_string_literal: true

require "test_helper"

class VisitsTest < Minitest::Test
  def test_visits_of_a_page_are_counted
    visits = Visits.new
    visits.reset
    assert_equal [1, 2, 1], [visits.count("home"), visits.count("home"), visits.count("cart")]
  end
end
